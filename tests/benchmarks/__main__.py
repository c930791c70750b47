"""The command line: python -m tests.benchmarks."""

from pathlib import Path
from typing import Annotated

import typer

from model_training.report import save_figure
from tests.benchmarks.report import PAGE_FILE, PLOT_FILE, page, throughput_plot
from tests.benchmarks.runs import FULL, QUICK, Bench
from tests.benchmarks.servers import SCRATCH, SERVERS, Server

RESULTS = Path(__file__).parent / "results"


def chosen(names: str) -> list[Server]:
    """The servers with these keys, or all without any; `litserve` also names `litserve-litert`."""
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    for name in wanted:
        if not any(_named(server, name) for server in SERVERS):
            raise typer.BadParameter(f"{name} is none of {', '.join(server.key for server in SERVERS)}")
    return [server for server in SERVERS if not wanted or any(_named(server, name) for name in wanted)]


def _named(server: Server, name: str) -> bool:
    return server.key == name or server.key.rpartition("-")[0] == name


def main(
    quick: Annotated[bool, typer.Option(help="One short round, written to build/benchmarks only.")] = False,
    only: Annotated[str, typer.Option(help="Names of servers, with commas; written to build/benchmarks only.")] = "",
) -> None:
    """Compare this service with other ways to serve the same model, on this machine."""
    servers = chosen(only)
    plan = QUICK if quick else FULL
    folder = SCRATCH if quick or only else RESULTS
    SCRATCH.mkdir(parents=True, exist_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    figures = Bench(servers, plan, SCRATCH, lambda line: typer.echo(line, err=True)).run()
    text = page(figures, plan)
    (folder / PAGE_FILE).write_text(text)
    save_figure(throughput_plot(figures), folder / PLOT_FILE)
    typer.echo(text)
    typer.echo(f"Written to {folder}", err=True)


if __name__ == "__main__":
    typer.run(main)
