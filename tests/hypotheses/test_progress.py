"""What of a run is done, weighted by what its steps take."""

import pytest

from hyp.hypotheses.plan import make_plan
from hyp.hypotheses.progress import RunProgress, StepEvent
from hyp.hypotheses.registry import find_hypothesis
from hyp.hypotheses.timing import expected_seconds, step_seconds
from hyp.models.hardware import Numerics


@pytest.fixture(scope="module")
def plan():
    numerics = Numerics("fp32", False, "cpu")
    return make_plan(
        find_hypothesis("nontarget-variability"), "laptop", ask=lambda wanted: numerics
    )


def test_the_seconds_of_a_stage_are_its_steps(plan):
    seconds = step_seconds(plan, plan.steps, None)
    assert seconds.keys() == {step.key for step in plan.steps}
    for kind in {step.kind for step in plan.steps}:
        own = sum(seconds[step.key] for step in plan.steps if step.kind == kind)
        assert own == pytest.approx(expected_seconds(plan, kind, plan.steps, None).weight)


def test_untrained_networks_are_no_share_of_training(plan):
    models = [step for step in plan.steps if step.kind == "models"]
    untrained = [step for step in models if not step.spec["n_batches"]]
    trained = [step for step in models if step.spec["n_batches"]]
    progress = RunProgress(models, step_seconds(plan, models, None))
    for step in untrained:
        progress(StepEvent("models", step.key, "done", 1, 1))
    assert progress.stages["models"].finished == len(untrained) > 0
    assert progress.share == 0
    progress(StepEvent("models", trained[0].key, "running", 1, 4))
    assert progress.share == pytest.approx(1 / 4 / len(trained))
    for step in trained:
        progress(StepEvent("models", step.key, "done", 1, 1))
    assert progress.share == pytest.approx(1)
