const place = document.getElementById("live");
setInterval(async () => {
  const answer = await fetch("progress");
  const text = answer.ok ? await answer.text() : place.shown;
  if (text !== place.shown) place.innerHTML = place.shown = text;
}, 5000);
