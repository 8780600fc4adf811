"""Settings of what reads the images."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from config.detector_kinds import DETECTOR_PACKAGES, DetectorKind
from config.section import Section


class DetectorSettings(Section):
    """What finds the discs; its kind alone will do for one that needs nothing else."""

    kind: Annotated[
        DetectorKind,
        Field(description="Ours, or a program of another project that the site has installed."),
    ]
    python: Annotated[
        Path | None,
        Field(description="Python interpreter of the environment that the program is installed in; not for ours."),
    ] = None
    licence: Annotated[
        Literal["accepted"] | None,
        Field(
            description="Says that the site keeps to the program's licence. SpineNet's allows non-commercial research "
            "only and covers its output; TotalSpineSeg's is LGPL-3.0, SPINEPS's Apache-2.0. Not for ours."
        ),
    ] = None
    device: Annotated[Literal["cpu", "cuda"], Field(description="What the program computes on.")] = "cpu"
    timeout_seconds: Annotated[
        float,
        Field(
            gt=0,
            description="A program that takes longer for one scan of a study is ended, and the study kept.",
        ),
    ] = 1800

    @model_validator(mode="before")
    @classmethod
    def _may_be_its_kind_alone(cls, value: Any) -> Any:
        return {"kind": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _has_what_a_program_needs(self) -> Self:
        package = DETECTOR_PACKAGES.get(self.kind)
        if package is None:
            return self
        if self.python is None:
            raise ValueError(f"{self.kind} needs `python`, the interpreter of the environment that it is installed in")
        if self.licence is None:
            raise ValueError(
                f"{package.title} is under a licence of its own ({package.licence}); "
                "set `licence: accepted` where your use keeps to it"
            )
        return self


class EncoderSettings(Section):
    """A network of torchvision that turns discs into features."""

    kind: Annotated[Literal["torchvision"], Field(description="Whose network it is.")]
    name: Annotated[
        str,
        Field(
            min_length=1,
            description="torchvision's name of a classification network; `resnet18` with the weights IMAGENET1K_V1 is "
            "the paper's encoder.",
        ),
    ]
    weights: Annotated[
        Path, Field(description="File of its weights, as torchvision publishes them (.pth) or as .safetensors.")
    ]
    intensities: Annotated[
        Literal["float", "published"],
        Field(description="`published` rounds slices to 8 bits, as the paper's published code does."),
    ] = "float"


def _none_for_embedded(encoder: object) -> object:
    if isinstance(encoder, str) and encoder != "embedded":
        raise ValueError("is `embedded`, or a section with kind, name and weights")
    return None if encoder == "embedded" else encoder


class ImageSettings(Section):
    """What reads the images."""

    detector: Annotated[
        DetectorSettings,
        Field(
            description="What finds the discs: `embedded`, or a section for a program of another project, as in "
            "{kind: totalspineseg, python: /opt/totalspineseg/bin/python, licence: accepted}."
        ),
    ] = DetectorSettings(kind="embedded")
    encoder: Annotated[
        EncoderSettings | None,
        BeforeValidator(_none_for_embedded),
        Field(
            description="What turns discs into features: null or `embedded` for EfficientNet-Lite0, which comes with "
            "the product, or a network of torchvision."
        ),
    ] = None
    classifiers: Annotated[
        str,
        Field(
            min_length=1,
            description="`none`; `demonstration`, which was fitted on drawn spines and shows the path, not the "
            "patient; or a set that `spinelabel train images` wrote: its name under `data/classifiers`, or its folder.",
        ),
    ] = "none"
