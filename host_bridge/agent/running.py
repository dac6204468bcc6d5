"""One installed name: the world in charge of it, the one to fall back on, a newcomer, and what a tick does with them.

A step is run in line, in the bridge's own loop: it takes some 10 us, its fuel ends it soon after that, and the
sandbox's deadline of 10 ms is less than the loop waits for a thread on a busy machine. Nothing here waits.
"""

from collections.abc import Callable
from datetime import UTC, tzinfo
from typing import NamedTuple

from host_bridge.agent import life
from host_bridge.agent.binding import Binding, Missing, Target, Views
from host_bridge.agent.leases import Leases
from host_bridge.agent.swapping import Newcomer
from host_bridge.agent.world import HandOverError, Mapped, World, hand_back, hand_over, outputs_held
from host_bridge.microworld.tick_log import TickLog

Tell = Callable[[str, str, str], None]  # level, kind, text


class Former(NamedTuple):
    """The world to fall back on, its binding, and the mapping by which it handed over."""

    world: World
    binding: Binding
    mapping: Mapped


class Running:
    """`changed` is called when what is kept on disk about it is no longer so."""

    def __init__(
        self,
        name: str,
        world: World,
        binding: Binding,
        leases: Leases,
        log: TickLog,
        tell: Tell,
        changed: Callable[[], None] = lambda: None,
        zone: tzinfo = UTC,
    ) -> None:
        self.name, self.world, self.binding = name, world, binding
        self.leases, self.log = leases, log
        self.former: Former | None = None
        self.newcomer: Newcomer | None = None
        self.probation_left = 0
        self.ticks = self.missed = self.idle_ticks = 0
        self.idle = ""  # why the last tick was not run
        self.last_ms = 0  # of the last tick that was run
        self._idle_kind = ""
        self._tell, self._changed, self._zone = tell, changed, zone

    def tick(self, views: Views, time_ms: int) -> None:
        """One tick at Unix time `time_ms`. It is run, or it is told why not; it raises nothing that a world does."""
        if self.world.phase not in life.CHARGE:
            return
        if not self._run(views, time_ms):
            self.idle_ticks += 1
            self.leases.want(None)
            return
        self.ticks, self.last_ms = self.ticks + 1, time_ms
        self.leases.want(self.world.outputs_by_name())
        program = self.world.program
        self.leases.ask(views, f"world {self.name} {self.world.short}", program.says or program.name)
        if self.newcomer is not None:
            self._shadow(self.newcomer, views, time_ms)
        elif self.world.phase == life.PROBATION:
            self._pass()

    def introduce(self, newcomer: Newcomer) -> None:
        """Let `newcomer` run beside. Raises HandOverError: what is held now cannot be handed over."""
        self._hand_over(newcomer)
        self.newcomer = newcomer
        text = f"{self.name}: {newcomer.world.short} runs beside {self.world.short} for {newcomer.shadow_ticks} ticks"
        self._tell("info", "world shadow", f"{text}, asked by {newcomer.asked_by}")

    def restore(self, former: Former | None, probation_left: int) -> None:
        """As it was before the bridge was started anew."""
        self.former, self.probation_left = former, probation_left

    def targets(self) -> list[Target]:
        """All contactors that it may ask for, its newcomer's among them."""
        newcomer = list(self.newcomer.binding.targets.values()) if self.newcomer else []
        former = list(self.former.binding.targets.values()) if self.former else []
        return [*self.binding.targets.values(), *newcomer, *former]

    def _run(self, views: Views, time_ms: int) -> bool:
        """Run the one in charge; where it fails, the one before it, on this very tick."""
        inputs = self._gather(self.world, self.binding, views, time_ms)
        if inputs is None:
            return False
        why = self.world.why_not(inputs)
        if why:
            if self.world.phase != life.PROBATION or not self._former_would_run(views, time_ms):
                self._rest("assumption broken", f"{self.name}: {why}; it asks for nothing meanwhile")
                return False
            self.world.fault = why
        else:
            tick, why = self.world.tick(inputs, time_ms)
            self.log.add(tick)
        if why:
            return self._fall_back(why, views, time_ms)
        self._wake()
        return True

    def _former_would_run(self, views: Views, time_ms: int) -> bool:
        former = self.former
        try:
            return former is not None and not former.world.why_not(
                former.binding.gather(views, time_ms, former.world.program.tick_s, self._zone)
            )
        except Missing:
            return False

    def _gather(self, world: World, binding: Binding, views: Views, time_ms: int) -> tuple[int, ...] | None:
        try:
            return binding.gather(views, time_ms, world.program.tick_s, self._zone)
        except Missing as missing:
            self._rest("input missing", f"{self.name}: {missing}; it asks for nothing meanwhile")
            return None

    def _rest(self, kind: str, text: str) -> None:
        self.idle = text
        if kind != self._idle_kind:
            self._idle_kind = kind
            self._tell("warning", kind, text)

    def _wake(self) -> None:
        self.idle = ""
        if self._idle_kind:
            self._idle_kind = ""
            self._tell("info", "world runs again", f"{self.name}: its inputs are as it takes them again")

    def _fall_back(self, why: str, views: Views, time_ms: int) -> bool:
        """The world in charge failed. Whether another has run the tick in its stead."""
        failed, former = self.world, self.former
        self._tell("error", "world fault", f"{self.name} {failed.short}: {why}")
        self._send_away(f"{failed.short}, beside which it ran, failed")
        self.probation_left, self.former = 0, None
        if former is None:
            failed.take(life.LAST_FAULT)
            self.leases.want(None)
            text = f"{self.name} is stopped: there is none to fall back on; its leases end, and the nodes' plans go on"
            self._tell("error", "world stopped", text)
            self._changed()
            return False
        failed.take(life.FAULT)
        self.world, self.binding = former.world, former.binding
        self.leases.rebind(self.binding.targets)
        state = hand_back(failed.program, failed.state, self.world.program, former.mapping)
        self.world.take(life.CALLED_BACK)
        self.world.begin(state, outputs_held(failed, self.world.program))
        text = f"{self.name}: back from {failed.short} to {self.world.short}: {why}"
        self._tell("error", "world rolled back", text)
        self._changed()
        return self._run(views, time_ms)

    def _shadow(self, newcomer: Newcomer, views: Views, time_ms: int) -> None:
        """The newcomer's part of the tick, and its taking over between this tick and the next."""
        world, why = newcomer.world, ""
        inputs: tuple[int, ...] = ()
        try:
            inputs = newcomer.binding.gather(views, time_ms, world.program.tick_s, self._zone)
            why = world.why_not(inputs)
        except Missing as missing:
            why = str(missing)
        if why:
            if newcomer.idle():
                self._send_away(f"it could not run for {newcomer.unable} ticks: {why}")
            return
        _, why = world.tick(inputs, time_ms)
        if why:
            self._send_away(why)
            return
        newcomer.compare(time_ms, self.world.outputs_by_name())
        if newcomer.is_ready:
            self.take_over()

    def take_over(self) -> None:
        """The newcomer is in charge from the next tick on, or is sent away: its state does not fit."""
        newcomer, old = self.newcomer, self.world
        if newcomer is None:
            return
        try:
            self._hand_over(newcomer)
        except HandOverError as error:
            self._send_away(str(error))
            return
        for dropped in [self.former.world] if self.former else []:
            dropped.take(life.DROPPED)
        old.take(life.RELIEVED)
        newcomer.world.take(life.TAKES_OVER)
        self.former = Former(old, self.binding, newcomer.mapping)
        self.world, self.binding, self.newcomer = newcomer.world, newcomer.binding, None
        self.probation_left = newcomer.probation_ticks
        self.leases.rebind(self.binding.targets)
        agreed = f"agreed in {newcomer.agreed} of {newcomer.compared} ticks"
        text = f"{self.name}: {self.world.short} has taken over from {old.short}; their outputs {agreed}"
        self._tell("info", "world swapped", f"{text}; asked by {newcomer.asked_by}")
        self._changed()

    def _hand_over(self, newcomer: Newcomer) -> None:
        state = hand_over(self.world.program, self.world.state, newcomer.world.program, newcomer.mapping)
        newcomer.world.begin(state, outputs_held(self.world, newcomer.world.program))

    def _send_away(self, why: str) -> None:
        newcomer, self.newcomer = self.newcomer, None
        if newcomer is not None:
            newcomer.world.take(life.FAULT)
            text = f"{self.name}: {newcomer.world.short} does not take over: {why}; {self.world.short} goes on"
            self._tell("error", "swap refused", text)
            self._changed()

    def cancel(self, asked_by: str) -> None:
        """Send the newcomer away."""
        self._send_away(f"called off by {asked_by}")

    def _pass(self) -> None:
        self.probation_left -= 1
        if self.probation_left <= 0:
            self.world.take(life.PASSES)
            self._tell("info", "world proved", f"{self.name}: {self.world.short} is through its probation")
            self._changed()
