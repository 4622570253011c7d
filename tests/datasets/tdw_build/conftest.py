collect_ignore_glob = ["*"]  # a program for the tests, which needs tdw: nothing to collect here
