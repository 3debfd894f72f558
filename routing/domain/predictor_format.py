"""How a trained predictor is written down: an archive of arrays, one of which is a description in JSON."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from routing.domain import array_archive, text_terms, tree_ensemble
from routing.domain.array_archive import InvalidArchive
from routing.domain.category_guess import CategoryGuess
from routing.domain.prompt_blocks import EmbeddingTransform, SurfaceTransform, TextTransform, Transforms
from routing.domain.prompt_encoder import DIMENSIONS, EMBEDDING_DIMENSIONS
from routing.domain.quality_predictor import LinearPart, QualityPredictor
from routing.domain.regressors import FOREST_FEATURES_OF_MODEL
from routing.domain.tree_ensemble import TreeEnsemble

# 2: the trees are told what the linear part expects.
FORMAT = 2
MAX_DEPTH = 256
_DESCRIPTION = "description"


class InvalidPredictor(Exception):
    """The bytes are no predictor that this version of the product can use; the message says why."""


@dataclass(frozen=True, slots=True)
class _Arrays:
    """The arrays of an archive, each of which is taken with the shape it must have."""

    held: dict[str, np.ndarray]

    def take(self, name: str, *shape: int, whole: bool = False) -> np.ndarray:
        """Return an array as float32 or, where ``whole``, int64; raises InvalidPredictor where it does not fit."""
        array = self.held.get(name)
        if array is None:
            raise InvalidPredictor(f"The predictor lacks {name}.")
        if array.shape != shape or (array.dtype.kind == "f") == whole:
            raise InvalidPredictor(f"The predictor's {name} has the shape {array.shape} and not {shape}.")
        return np.ascontiguousarray(array, dtype=np.int64 if whole else np.float32)

    def length(self, name: str, axis: int = 0) -> int:
        array = self.held.get(name)
        shape: tuple[int, ...] = () if array is None else array.shape
        return shape[axis] if len(shape) > axis else 0


def write(predictor: QualityPredictor) -> bytes:
    """Return the bytes of a predictor; equal predictors have equal bytes."""
    arrays = {
        _DESCRIPTION: np.frombuffer(_description(predictor), dtype=np.uint8),
        **_transform_arrays(predictor.transforms),
        "category_means": predictor.category_means,
        "level": np.array([predictor.linear.level]),
        "weights": predictor.linear.weights,
        "roots": predictor.linear.roots,
        "text_variance": predictor.linear.text_variance,
        "blend": predictor.blend,
    }
    if predictor.guess is not None:
        arrays |= {"guess_weights": predictor.guess.weights, "guess_offsets": predictor.guess.offsets}
    arrays = {name: array if array.dtype == np.uint8 else array.astype("<f4") for name, array in arrays.items()}
    return array_archive.pack(arrays | _text_arrays(predictor.transforms.text) | _forest_arrays(predictor.forest))


def read(content: bytes) -> QualityPredictor:
    """Return the predictor that was written; raises InvalidPredictor for anything else."""
    try:
        arrays = _Arrays(array_archive.unpack(content))
    except InvalidArchive as error:
        raise InvalidPredictor(str(error)) from error
    description = _read_description(arrays)
    models, categories = description["model_names"], description["categories"]
    transforms = _read_transforms(arrays)
    blocks = _blocks(transforms)
    regressors = 1 + len(categories) + blocks
    return QualityPredictor(
        encoder=description["encoder"],
        model_names=tuple(models),
        categories={name: place for place, name in enumerate(categories)},
        transforms=transforms,
        guess=_read_guess(arrays, transforms, len(categories)),
        category_means=arrays.take("category_means", len(categories) + 1, len(models)),
        linear=_read_linear(arrays, regressors, len(models)),
        forest=_read_forest(arrays, len(models), blocks + FOREST_FEATURES_OF_MODEL * len(models)),
        blend=_read_blend(arrays),
    )


def _description(predictor: QualityPredictor) -> bytes:
    description = {
        "format": FORMAT,
        "encoder": predictor.encoder,
        "model_names": list(predictor.model_names),
        "categories": sorted(predictor.categories, key=predictor.categories.__getitem__),
    }
    return json.dumps(description, sort_keys=True).encode()


def _read_description(arrays: _Arrays) -> dict[str, Any]:
    raw = arrays.held.get(_DESCRIPTION)
    try:
        found = json.loads(b"" if raw is None else raw.tobytes())
    except (ValueError, RecursionError) as error:
        raise InvalidPredictor("The predictor has no description that can be read.") from error
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise InvalidPredictor(f"The predictor is not of format {FORMAT}, the only one read here. Train it anew.")
    if not isinstance(found.get("encoder"), str):
        raise InvalidPredictor("The predictor does not say how its vectors were made.")
    for names in ("model_names", "categories"):
        listed = found.get(names)
        if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
            raise InvalidPredictor(f"The predictor's {names} are no list of names.")
        if len(set(listed)) != len(listed):
            raise InvalidPredictor(f"The predictor's {names} hold one twice.")
    if not found["model_names"]:
        raise InvalidPredictor("The predictor knows no model: train it on outcomes of at least two.")
    return found


def _blocks(transforms: Transforms) -> int:
    """Return how many regressors the blocks of a prompt have together."""
    text = 0 if transforms.text is None else len(transforms.text.mean)
    return len(transforms.surface.mean) + len(transforms.embedding.projection.T) + text


def _transform_arrays(transforms: Transforms) -> dict[str, np.ndarray]:
    return {
        "surface_mean": transforms.surface.mean,
        "surface_scale": transforms.surface.scale,
        "embedding_mean": transforms.embedding.mean,
        "embedding_projection": transforms.embedding.projection,
    }


def _text_arrays(text: TextTransform | None) -> dict[str, np.ndarray]:
    if text is None:
        return {}
    return {
        "text_places": text.places.astype("<i4"),
        "text_weights": text.weights.astype("<f4"),
        "text_projection": text.projection.astype("<f2"),
        "text_mean": text.mean.astype("<f4"),
    }


def _forest_arrays(forest: TreeEnsemble | None) -> dict[str, np.ndarray]:
    if forest is None:
        return {}
    return {
        "tree_feature": forest.feature.astype("<i2"),
        "tree_threshold": forest.threshold.astype("<f4"),
        "tree_children": forest.children.astype("<i4"),
        "tree_values": forest.values.astype("<f2"),
        "tree_roots": forest.roots.astype("<i4"),
        "tree_depth": np.array([forest.depth], dtype="<i4"),
    }


def _read_transforms(arrays: _Arrays) -> Transforms:
    surface = DIMENSIONS - EMBEDDING_DIMENSIONS
    directions = arrays.length("embedding_projection", 1)
    return Transforms(
        SurfaceTransform(arrays.take("surface_mean", surface), arrays.take("surface_scale", surface)),
        EmbeddingTransform(
            arrays.take("embedding_mean", EMBEDDING_DIMENSIONS),
            arrays.take("embedding_projection", EMBEDDING_DIMENSIONS, directions),
        ),
        _read_text(arrays) if "text_places" in arrays.held else None,
    )


def _read_text(arrays: _Arrays) -> TextTransform:
    terms, directions = arrays.length("text_places"), arrays.length("text_mean")
    places = arrays.take("text_places", terms, whole=True)
    if (np.diff(places) <= 0).any() or not ((places >= 0) & (places < text_terms.PLACES)).all():
        raise InvalidPredictor("The predictor's terms are not in order.")
    return TextTransform(
        places,
        arrays.take("text_weights", terms),
        arrays.take("text_projection", terms, directions),
        arrays.take("text_mean", directions),
    )


def _read_guess(arrays: _Arrays, transforms: Transforms, categories: int) -> CategoryGuess | None:
    if "guess_weights" not in arrays.held:
        return None
    regressors = len(transforms.surface.mean) + len(transforms.embedding.projection.T)
    return CategoryGuess(arrays.take("guess_weights", regressors, categories), arrays.take("guess_offsets", categories))


def _read_linear(arrays: _Arrays, regressors: int, models: int) -> LinearPart:
    shared = 1 if arrays.length("roots") == 1 else models
    return LinearPart(
        level=float(arrays.take("level", 1)[0]),
        weights=arrays.take("weights", regressors, models),
        roots=arrays.take("roots", shared, regressors, regressors),
        text_variance=arrays.take("text_variance", models),
    )


def _read_forest(arrays: _Arrays, models: int, features: int) -> TreeEnsemble | None:
    if "tree_roots" not in arrays.held:
        return None
    nodes, trees = arrays.length("tree_feature"), arrays.length("tree_roots")
    depth = int(arrays.take("tree_depth", 1, whole=True)[0])
    forest = TreeEnsemble(
        feature=arrays.take("tree_feature", nodes, whole=True),
        threshold=arrays.take("tree_threshold", nodes),
        children=arrays.take("tree_children", nodes, 2, whole=True),
        values=arrays.take("tree_values", nodes, models),
        roots=arrays.take("tree_roots", trees, whole=True),
        depth=depth,
    )
    if not 0 <= depth <= MAX_DEPTH or not tree_ensemble.is_sound(forest, features=features):
        raise InvalidPredictor("The predictor's trees lead to nowhere.")
    return forest


def _read_blend(arrays: _Arrays) -> np.ndarray:
    blend = arrays.take("blend", 3)
    if (blend < 0).any() or abs(float(blend.sum()) - 1.0) > 1e-3:
        raise InvalidPredictor("The predictor's blend is no set of shares that sum to 1.")
    return blend
