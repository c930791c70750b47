"""When a connection is read from."""

from uvicorn.protocols.http.flow_control import FlowControl


class Flow(FlowControl):
    """Reads no more, whoever wishes to, while there is something left to parse."""

    _held = False

    def pause_reading(self) -> None:
        """Read no more."""
        if self._held:
            self.read_paused = True
        else:
            super().pause_reading()

    def resume_reading(self) -> None:
        """Read again, as soon as that is not held up."""
        if self._held:
            self.read_paused = False
        else:
            super().resume_reading()

    def hold(self, held: bool) -> None:
        """Hold reading up, or no more."""
        if held is self._held:
            return
        self._held = held
        if not self.read_paused:
            (self._transport.pause_reading if held else self._transport.resume_reading)()
