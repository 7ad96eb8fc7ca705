"""Has the working tree become slower than a base commit? `python -m tools.regressions`, or `tox -e perf`.

The sources of both are laid out in a folder, and the suite's `time_*` benchmarks, as the working tree has them, are
run on both in turns (`measure`), in one environment: nothing is built, and of asv only its runner is needed. Without
--base the working tree is compared with where the branch left `origin/main`; if HEAD is there itself, uncommitted
changes are compared with HEAD, and a clean HEAD with the commit before it.

A slow-down is real if two looks agree, the second twice as long and by new processes: in each, the median ratio of the
rounds exceeds the threshold, and its lower confidence bound by the sign test exceeds 1 (`sign_test`). Each
benchmark has two clocks, wall and processor, and either may show it.

False alarms. For B benchmarks the bound of one look has the level 0.01 / (2 B), so by Bonferroni the chance of any
bound above 1 without reason is at most 0.01 a look, and 0.01^2 = 0.0001 for both. The threshold has to be exceeded
besides; it is what stands against differences that are real but those of a process, not of its program, which were up
to 1.1 between equal trees.

Power. Let the log-ratio of a round have the standard deviation s about log 1.3. With the default of 21 rounds and 19
benchmarks at most 2 rounds may contradict the first look, and 9 of 42 the second, so for normal noise

    s = 0.05: above 0.999      s = 0.10: above 0.999      s = 0.15: 0.95      s = 0.20: 0.67

and s was 0.04 to 0.07 by either clock on two shared cores, and beside two processes that kept both busy 0.07 by
processor time and 0.17 by the wall clock.

A benchmark that takes longer than --longest a call is named and not measured: it would have to be called some twenty
times. With the calls of the suite the whole takes 3 to 7 minutes on two cores.

Exit codes: 0 no slow-down, 1 a slow-down, or the working tree cannot run a benchmark, 2 usage. A benchmark that the
base cannot run is reported and no failure.
"""
