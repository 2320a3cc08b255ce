"""What an annotator may want to set before starting."""

FILES = "annotation_files"
SAMPLES = "annotation_samples"  # <label>.png or <label>-<number>.png
OUTPUTS = "outputs"

SCALES = (0.85, 0.92, 1.0, 1.08, 1.15)  # of what is looked for, beside its sample
SURE_FROM = 0.75  # correlation: 1 is the sample itself, 0 what has nothing to do with it
MOST_SHARED = 0.2  # intersection over union of two boxes that may both stand
