"""Which arrays of a file are wanted: by their names, or by being the only ones that can be meant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ganbench.datasets.readers.member import Member, printable
from ganbench.errors import DataError, UsageError

__all__ = ["choose_data", "choose_samples", "numeric_members"]

_ROLES = ("train", "valid", "test")
_PARTS: dict[str, tuple[str, ...]] = {role: (role, f"x_{role}", f"{role}_images") for role in _ROLES}
_PARTS |= {f"{role}_labels": (f"{role}_labels", f"y_{role}") for role in _ROLES}
_IMAGES, _SAMPLES, _LABELS = ("images", "samples", "arr_0"), ("samples", "images", "arr_0"), ("labels", "label", "y")
_NAMED = {name for names in _PARTS.values() for name in names} | {"images", "samples", "labels"}
_NUMBERED = "Texts are numbered by numpy.unique(labels, return_inverse=True)[1]."
_FORMS = (
    "Name the arrays train, valid and test (and train_labels, valid_labels, test_labels, where there are labels), or "
    "name the one that holds all images 'images' (and its labels 'labels')"
)


def numeric_members(members: Mapping[str, Member], path: Path, needed: Sequence[str] = ()) -> dict[str, Member]:
    """The members that are arrays of real numbers.

    Raises:
        DataError: There are none, or one of `needed`, which stand for numbers, is there and is none.
    """
    numeric = {name: member for name, member in members.items() if member.is_numeric}
    for name in needed:
        if name in members and name not in numeric:
            remedy = f"Store numbers under this name, or use another one. {_NUMBERED}"
            found = members[name].kind
            raise DataError(f"{path}, array {name!r}: expected real numbers, found {found}. {remedy}")
    if not numeric:
        described = "; ".join(f"{printable(name)!r}: {member.kind}" for name, member in list(members.items())[:20])
        raise DataError(
            f"{path} holds no arrays of real numbers; found {described or 'nothing'}. Write plain numbers; object "
            "arrays are not accepted."
        )
    return numeric


def choose_data(members: Mapping[str, Member], path: Path) -> dict[str, str]:
    """The arguments of `Dataset.from_arrays` and the members for them; without `valid` where there is no such part.

    Raises:
        DataError: Which arrays are the images, or the labels, cannot be told.
    """
    numeric = numeric_members(members, path, [name for name in members if name in _NAMED])
    parts = {role: found for role, names in _PARTS.items() if (found := _first(names, numeric))}
    if "train" in parts and "test" in parts:
        return parts
    images = _images(numeric, _IMAGES)
    if images is None:
        raise DataError(f"{path}: which arrays are the images? {_FORMS}; found {_described(numeric)}.")
    labels = _labels(numeric, images)
    if len(labels) > 1:
        described = _described({name: numeric[name] for name in labels})
        raise DataError(f"{path}: which array holds the labels? Name it 'labels'; found {described}.")
    return {"images": images} | ({"labels": labels[0]} if labels else {})


def choose_samples(members: Mapping[str, Member], path: Path) -> dict[str, str]:
    """`samples`, and `labels` where there is one array that can be meant.

    Raises:
        UsageError: Which array holds the samples cannot be told.
        DataError: There is no array of numbers.
    """
    numeric = numeric_members(members, path, ["samples"])
    samples = _images(numeric, _SAMPLES)
    if samples is None:
        names = ", ".join(printable(name) for name in list(numeric)[:20])
        raise UsageError(
            f"{path} holds {len(numeric)} arrays ({names}); which are the samples? Name one of them 'samples'."
        )
    labels = _labels(numeric, samples)
    return {"samples": samples} | ({"labels": labels[0]} if len(labels) == 1 else {})


def _first(names: Sequence[str], members: Mapping[str, Member]) -> str | None:
    return next((name for name in names if name in members), None)


def _images(numeric: Mapping[str, Member], names: Sequence[str]) -> str | None:
    """By its name, or the only array that is more than a vector or a column beside another."""
    many = [name for name, member in numeric.items() if len(member.shape) >= 2] or list(numeric)
    wide = [name for name in many if not _is_vector(numeric[name])] or many
    return _first(names, numeric) or (wide[0] if len(wide) == 1 else None)


def _is_vector(member: Member) -> bool:
    return len(member.shape) == 1 or (len(member.shape) == 2 and 1 in member.shape)


def _labels(numeric: Mapping[str, Member], images: str) -> list[str]:
    """By their name, or the vectors of as many whole numbers as there are images, along the first axis or the last."""
    shape = numeric[images].shape
    named = _first(_LABELS[:1], numeric)
    if named and named != images:
        return [named]
    fitting = {
        name: member
        for name, member in numeric.items()
        if name != images and _is_vector(member) and shape and max(member.shape, default=0) in (shape[0], shape[-1])
    }
    known = _first(_LABELS[1:], fitting)
    return [known] if known else [name for name, member in fitting.items() if member.is_whole]


def _described(members: Mapping[str, Member]) -> str:
    return ", ".join(f"{printable(name)} {member.shape}" for name, member in sorted(members.items())[:20])
