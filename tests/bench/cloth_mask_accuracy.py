"""How near our garment masks are to published ones: IoU, and boundary F within 1 % of the height.

    python tests/bench/cloth_mask_accuracy.py FOLDER [--count 459] [--worst 40]

FOLDER holds ``cloth/ID.jpg`` and ``cloth-mask/ID.jpg`` (threshold at 128). Boundary F is computed
with scikit-image's ``find_boundaries`` and SciPy's distance transform, independently of our code.
``flagged`` says how many masks carry ``uncertain_garment_mask`` and how the confidence ranks the
masks below 0.98 IoU (area under the ROC curve).

Published masks that are visibly wrong are listed below by what is wrong with them, found by
looking at the worst masks; every figure is printed with and without them.
"""

import argparse
import time
from pathlib import Path

import cv2
import numpy as np
from scipy.ndimage import distance_transform_edt
from scipy.stats import rankdata
from skimage.segmentation import find_boundaries

from pipelines.errors import ItemError
from pipelines.flags import Flag
from pipelines.preprocess.cloth_mask import garment_mask

WRONG_PUBLISHED = {
    "light cloth is missing from the published mask, in patches or altogether": (
        "000224 000311 000620 001348 001482 001881 002351 002614 003231 004416 004513 004699 "
        "004836 005439 005654 007408 007418 007995 008131 008529 009013 009293 009979 012326 "
        "012954 014578 017008 017379 018438 019113"
    ),
    "the background seen inside a sleeve or behind straps is marked as garment": (
        "002233 003266 005188 008028 011837 013192"
    ),
    "a person wears the garment; the mask includes skin or the whole photo": (
        "004644 012069 019463"
    ),
}


def published_is_wrong(name: str) -> bool:
    """Whether the published mask of a photo (by its id, as in ``000224_1.jpg``) is listed."""
    return any(name[:6] in ids.split() for ids in WRONG_PUBLISHED.values())


def boundary_f(found: np.ndarray, truth: np.ndarray) -> float:
    """F measure of boundary pixels that have a counterpart within 1 % of the height."""
    reach = max(1.0, 0.01 * truth.shape[0])
    ours, theirs = (find_boundaries(mask, mode="inner") for mask in (found, truth))
    if not ours.any() or not theirs.any():
        return 0.0
    precision = (distance_transform_edt(~theirs)[ours] <= reach).mean()
    recall = (distance_transform_edt(~ours)[theirs] <= reach).mean()
    return float(2 * precision * recall / max(precision + recall, 1e-9))


def ranking(doubt: np.ndarray, poor: np.ndarray) -> float:
    """Area under the ROC curve of ``doubt`` for telling the ``poor`` masks."""
    ranks = rankdata(doubt)
    positive, negative = poor.sum(), (~poor).sum()
    if not positive or not negative:
        return float("nan")
    return float((ranks[poor].sum() - positive * (positive + 1) / 2) / (positive * negative))


def main() -> None:
    """Print the figures and the worst masks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--worst", type=int, default=20)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    masks = sorted((options.folder / "cloth-mask").glob("*.jpg"))
    if options.count < len(masks):
        order = np.random.default_rng(0).permutation(len(masks))[: options.count]
        masks = [masks[i] for i in sorted(order)]
    rows, seconds = [], 0.0
    for path in masks:
        photo = cv2.imread(str(options.folder / "cloth" / path.name))[..., ::-1]
        truth = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) >= 128
        start = time.process_time()
        try:
            result = garment_mask(photo)
            mask, confidence, flags = result.mask, result.confidence, result.flags
        except ItemError:
            mask, confidence, flags = np.zeros_like(truth), 0.0, (Flag.UNCERTAIN_GARMENT_MASK,)
        seconds += time.process_time() - start
        iou = (mask & truth).sum() / max((mask | truth).sum(), 1)
        flagged = Flag.UNCERTAIN_GARMENT_MASK in flags
        rows.append((path.name, iou, boundary_f(mask, truth), confidence, flagged))
    names = [row[0] for row in rows]
    iou, edge, confidence, flagged = (np.array([row[k] for row in rows]) for k in (1, 2, 3, 4))
    right = np.array([not published_is_wrong(name) for name in names])
    for title, chosen in (("all", np.ones(len(rows), bool)), ("without the wrong ones", right)):
        poor = iou[chosen] < 0.98
        print(
            f"{title}: {chosen.sum()} masks, IoU mean {iou[chosen].mean():.4f} "
            f"median {np.median(iou[chosen]):.4f}, boundary F mean {edge[chosen].mean():.4f}; "
            f"flagged {flagged[chosen].sum()}, of these {(flagged[chosen] & poor).sum()} below "
            f"0.98 IoU; AUC {ranking(1 - confidence[chosen], poor):.3f}"
        )
    print(f"{seconds / len(rows):.3f} s of CPU per photo")
    for index in np.argsort(iou)[: options.worst]:
        note = "" if right[index] else "  (published mask wrong)"
        print(f"{names[index]}  IoU {iou[index]:.3f}  confidence {confidence[index]:.2f}{note}")


if __name__ == "__main__":
    main()
