"""One version of the model after another, and a candidate beside them: what the watchers bring is put in its place."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from app import metrics
from app.loading import Model
from app.pages import build_site
from app.routes.state import Live
from app.settings import Settings
from app.shadow import Lane, Shadow
from app.versions import Watcher, watching


class Succession:
    """Follows what is published at the settings' paths."""

    def __init__(self, settings: Settings, load: Callable[[Path], Model]) -> None:
        """Note what is published; the first model is loaded after this, so that nothing is missed between."""
        self.watcher = Watcher(settings.model, self._take, "model")
        self._settings = settings
        self._load = load
        self._lane = Lane()
        self._live: Live

    @contextmanager
    def following(self, live: Live) -> Iterator[None]:
        """Let the service be that of the last published version that is fit to be served, while the block runs."""
        self._live = live
        with ExitStack() as stack:
            watchers = [self.watcher]
            if self._settings.shadow is not None:
                candidates = Watcher(self._settings.shadow, self._take_candidate, "candidate", fresh=False)
                live.service = replace(live.service, shadow_watcher=candidates)
                stack.enter_context(self._lane.running())
                # The service does without a candidate where nothing usable is there.
                candidates.look()
                watchers.append(candidates)
            stack.enter_context(watching(watchers, self._settings.watch_seconds))
            yield

    def _take(self, path: Path) -> str | None:
        try:
            name = self._succeed(path)
        except Exception:
            metrics.model_switch(done=False)
            raise
        if name is not None:
            metrics.model_switch(done=True)
        return name

    def _succeed(self, path: Path) -> str | None:
        model = self._load(path)
        service = self._live.service
        if model.metadata == service.model.metadata:
            return None
        settings = self._settings
        site = build_site(
            model.metadata, model.evaluation, model.plots, settings.max_bytes, settings.offered_feedback_days
        )
        self._live.service = replace(
            service,
            model=model,
            site=site.after(service.site),
            shadow=service.shadow.beside(model) if service.shadow is not None else None,
        )
        service.inputs.follow(model)
        return _name(model)

    def _take_candidate(self, path: Path) -> str | None:
        candidate = self._load(path)
        service = self._live.service
        if service.shadow is not None and candidate.metadata == service.shadow.candidate.metadata:
            return None
        self._live.service = replace(service, shadow=Shadow(service.model, candidate, self._lane))
        return _name(candidate)


def _name(model: Model) -> str:
    return f"{model.metadata.name} {model.metadata.version}"
