"""Mutated modules are refused or followed, never worse; and what is followed does what the verifier says it does."""

from random import Random

import pytest

from host_bridge.microworld.runtime import Sandbox, Shape, WorldFault
from host_bridge.microworld.verify.decode import Refused, decode
from host_bridge.microworld.verify.evaluate import evaluate
from host_bridge.microworld.verify.shape import meaning
from host_bridge.microworld.verify.terms import Terms, TooLarge
from tests.host.microworld.programs import vectors
from tests.host.microworld.wasm_mutants import mutant, seeds


def followed(content, program):
    """Its meaning as either kind of module, or None."""
    module = decode(content)
    try:
        return meaning(module, program, Terms(), handwritten="run" not in module.exports)
    except (Refused, TooLarge):
        return None


def fuzz(count, seed):
    """How many were refused by the decoder, contained by the sandbox alone, and followed."""
    chance, good, sandbox = Random(seed), seeds(), Sandbox(fuel=100_000, deadline_ms=1000)
    tries = {id(program): vectors(program, 12) for _, program in good}
    refused = contained = understood = 0
    for _ in range(count):
        content, program = chance.choice(good)
        content = mutant(chance, content, chance.choice(good)[0])
        try:
            found = followed(content, program)
        except Refused:
            refused += 1
            continue
        state, inputs = chance.choice(tries[id(program)])
        assert_contained(sandbox, content, program, found, state, inputs)
        contained, understood = contained + (found is None), understood + (found is not None)
    return refused, contained, understood


def assert_contained(sandbox, content, program, found, state, inputs):
    """What the decoder takes, wasmtime takes and contains; what is followed does as the terms say."""
    try:
        instance = sandbox.load(content).instance(Shape.of(program))
    except WorldFault as fault:  # for what it exports; that it is valid our decoder has said already
        assert found is None
        assert "no module that can run" not in fault.says
        return
    try:
        result = instance.step(state, inputs)
    except WorldFault as fault:
        result = fault.cause
    if found is not None:
        names = [quantity.name for quantity in (*program.state, *program.inputs)]
        values = dict(zip(names, [*state, *inputs], strict=True))
        traps, *numbers = evaluate([found.trap, *found.next_state, *found.outputs], values)
        count = len(program.state)
        assert result == ("trap" if traps else (tuple(numbers[:count]), tuple(numbers[count:])))
        assert instance.fuel_used <= found.fuel


def test_mutated_modules_are_refused_or_followed():
    refused, contained, understood = fuzz(300, seed=1)
    assert refused > 150
    assert contained > 0
    assert understood > 10


@pytest.mark.slow
def test_a_hundred_thousand_mutated_modules_are_refused_or_followed():
    refused, contained, understood = fuzz(100_000, seed=2)
    assert refused + contained + understood == 100_000
    assert refused > 50_000
    assert understood > 3000
    print(f"refused {refused}, contained {contained}, followed and compared {understood}")
