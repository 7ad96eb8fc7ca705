"""Two trainings that differ in their seed: how far apart are their scores, and could test examples explain it?

The two are scored on the same test examples, so the difference is taken example by example.
"""

import numpy as np

import ganbench

outcome = ganbench.run("digits", models=["dbn"], seeds=[0, 1])

differences = []
for first in outcome.records:
    if first.seed == 0:
        (second,) = (r for r in outcome.records if r.fold == first.fold and r.seed == 1)
        values = [record.score("parzen").values["mean_log_likelihood"].per_example for record in (first, second)]
        differences.append(np.subtract(*values))

for fold, of_examples in enumerate(differences):
    error = of_examples.std(ddof=1) / len(of_examples) ** 0.5
    print(f"fold {fold}: seed 0 minus seed 1 is {ganbench.with_error(of_examples.mean(), error)} nats")
pooled = np.concatenate(differences)
error = pooled.std(ddof=1) / len(pooled) ** 0.5
print(f"all: {ganbench.with_error(pooled.mean(), error)} nats, {pooled.mean() / error:+.1f} standard errors across examples")
