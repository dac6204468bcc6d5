"""The JSON of the energy agent that is asked for; what it answers are the dataclasses of agent/energy/view.py."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Text = Annotated[str, StringConstraints(max_length=300)]


class PreferenceRequest(BaseModel):
    """A sentence is read and proposed; a document is set. With both, the sentence is kept beside the document."""

    model_config = ConfigDict(extra="forbid")

    sentence: Text = Field("", description='e.g. "car full by seven"; alone, nothing is set: a proposal comes back')
    document: dict[Annotated[str, StringConstraints(max_length=40)], Any] | None = Field(
        None, description='what is to be set, e.g. {"kind": "deadline", "device": "car", "by": "07:00"}'
    )


class PreferenceBody(BaseModel):
    """One that holds."""

    model_config = ConfigDict(from_attributes=True)

    number: int
    home: str
    words: str = Field(description="as the plan takes it")
    document: dict[str, Any]
    set_s: int
    sentence: str


class ProposalBody(BaseModel):
    """What a sentence was read as; nothing is set. `document` null: it was not understood, and `words` says why."""

    model_config = ConfigDict(from_attributes=True)

    home: str
    sentence: str
    document: dict[str, Any] | None
    words: str
    confidence: float
    alternatives: list[dict[str, Any]]
