"""Two trainings that differ in their seed: how far apart are their scores, and could test images explain it?

Both are scored on the same test images, so the difference is taken image by image.
"""

import numpy as np

import ganbench

fold = ganbench.load_dataset("digits").splits[0]
data = ganbench.Dataset.from_arrays(train=fold.train, valid=fold.valid, test=fold.test, name="digits-fold0")
outcome = ganbench.run("digits", models=["adversarial[epochs=100]"], datasets=[data], seeds=[0, 1])

scores = {record.seed: record.score("parzen").values["mean_log_likelihood"] for record in outcome.records}
for seed, score in scores.items():
    print(f"seed {seed}: {ganbench.with_error(score.value, score.standard_error)} nats, alone")

difference = np.subtract(scores[0].per_example, scores[1].per_example)
error = difference.std(ddof=1) / len(difference) ** 0.5
print(f"seed 0 minus seed 1: {ganbench.with_error(difference.mean(), error)} nats across test images")
