"""A model's record -> a page that people read who never saw a notebook."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from app.artifact import (
    DOUBT_FILE,
    MISTAKES_FILE,
    CorruptionScore,
    DigitScore,
    Evaluation,
    Metadata,
    RealSetScore,
    SceneScore,
    Score,
    StringsScore,
    Thresholds,
)
from app.charts import Line, line_chart


@dataclass(frozen=True, slots=True)
class Plot:
    """A picture that lies beside the model."""

    address: str
    width: int
    height: int


_PICTURES: Final = {
    MISTAKES_FILE: (
        "Test digits that were read wrongly",
        "Each picture is headed by the true digit and what the model read instead. Some would puzzle a person too.",
    ),
    DOUBT_FILE: (
        "How well doubt is placed",
        "Left: mistakes are among the answers the model is least sure of. Middle: digits refused against other things "
        "let through. Right: where the dots lie on the dotted line, 90% sure means 90% right.",
    ),
}
"""Heading and words of each plot. Those of curves and confusion are drawn anew, from the record."""

_SHADES: Final = (0.995, 0.99, 0.98, 0.96, 0.93)
"""Shares read right below which a cell of the table of corruptions gets its next shade."""

_UNMEASURED: Final = (
    "<section><h2>How well it reads</h2><p>Nobody has told this service: the model came without a record of "
    "measurements. Try it on digits of your own.</p></section>"
)


def about_sections(metadata: Metadata, evaluation: Evaluation | None, plots: Mapping[str, Plot]) -> Mapping[str, str]:
    """What the page's template leaves open, as HTML.

    Args:
        metadata: the model's.
        evaluation: the model's, if it was measured.
        plots: those it has, by file name.
    """
    return {
        "model_name": escape(metadata.name),
        "model_version": escape(metadata.version),
        "purpose": escape(metadata.training.purpose if metadata.training else "Somebody brought this model along."),
        "figures": _figures(metadata, evaluation, plots) if evaluation is not None else _UNMEASURED,
        "limits": _limits(metadata),
        "technical": _technical(metadata, evaluation),
    }


def _figures(metadata: Metadata, evaluation: Evaluation, plots: Mapping[str, Plot]) -> str:
    return "".join(
        [
            _headline(evaluation),
            _real(evaluation.real),
            _scenes(evaluation.scenes),
            _strings(evaluation.strings),
            _section(
                "Digit by digit",
                _paragraph("How many of each digit, written by people whose hand the model had never seen, it found.")
                + _digits(evaluation.digits),
            ),
            _section(
                "What it mixes up",
                _paragraph(
                    "Each row is a digit that people wrote, each column what the model read. Right answers are on the "
                    "diagonal, all else is a mistake."
                )
                + _confusion(evaluation.confusion),
            ),
            _figure(MISTAKES_FILE, plots),
            _doubt(metadata.thresholds, evaluation, plots),
            _corruptions(evaluation.corrupted),
            _learning(evaluation.history),
        ]
    )


def _headline(evaluation: Evaluation) -> str:
    test = evaluation.test
    cards = [_card(_percent(test.share), "of the test digits read right", _range(test))]
    if evaluation.certain is not None:
        share = evaluation.certain.count / test.count
        cards.append(_card(_percent(evaluation.certain.share), "right when it is sure", f"sure of {share:.1%}"))
    if evaluation.refused_others is not None:
        others = evaluation.refused_others
        cards.append(_card(f"{others.share:.1%}", "of other things refused", f"{others.count:,} letters and scribbles"))
    if evaluation.corrupted:
        mean = sum(part.score.share for part in evaluation.corrupted) / len(evaluation.corrupted)
        cards.append(_card(f"{mean:.1%}", "right on spoilt pictures", "noise, blur, fog, stripes and more"))
    words = _paragraph(
        f"It was tested once, at the end, on {test.count:,} handwritten digits that it had not learnt from. "
        f"It read {test.correct:,} of them right and {test.count - test.correct:,} wrong."
    )
    return _section("How well it reads", f'{words}<ul class="cards">{"".join(cards)}</ul>')


def _card(figure: str, what: str, more: str) -> str:
    return f'<li class="card"><strong>{figure}</strong> <span>{what}</span> <small>{more}</small></li>'


def _real(sets: Sequence[RealSetScore]) -> str:
    """How it does on other people's pictures, if that was measured."""
    digits = [part for part in sets if part.of_digits]
    others = [part for part in sets if not part.of_digits]
    content = ""
    if digits:
        mean = sum(part.right.share for part in digits) / len(digits)
        content += _paragraph(
            "Digits that other people photographed, scanned or drew, sent in as anybody's picture is. It learnt from "
            f"none of them. On average over the kinds of pictures it reads {_percent(mean)} right."
        ) + _real_table("Other people's digits read right", "Read right", [(part.name, part.right) for part in digits])
    if others:
        content += _paragraph(
            "Letters, other scripts and pages with many digits, sent in the same way. These should be refused as no "
            "digit; letters that look like a digit never all are."
        ) + _real_table("Other pictures refused", "Refused", [(part.name, part.rejected) for part in others])
    return _section("On people's own pictures", content) if content else ""


def _scenes(scores: Sequence[SceneScore]) -> str:
    """How it reads digits in what people write them on and how they crop them, if that was measured."""
    if not scores:
        return ""
    return _section(
        "In pictures such as people send",
        _paragraph(
            f"{scores[0].score.count:,} test digits were each put, by code, where people write, scan and crop theirs. "
            "It learnt from none of these pictures."
        )
        + _real_table("Test digits read right, by where they are", "Read right", [(s.scene, s.score) for s in scores]),
    )


def _strings(scores: Sequence[StringsScore]) -> str:
    """How it reads whole numbers, if that was measured."""
    if not scores:
        return ""
    names = {"touching": "half of the neighbours touch"}
    return _section(
        "On whole numbers",
        _paragraph(
            "Numbers of two to eight digits, put together from handwritten ones that it had not learnt from, on white, "
            "black, ruled, dotted and badly lit paper. One wrong digit makes a number wrong."
        )
        + _real_table(
            "Numbers read right, by how far apart their digits are",
            "Read right",
            [(names.get(part.spacing, part.spacing), part.strings) for part in scores],
        ),
    )


def _real_table(caption: str, measured: str, sets: Iterable[tuple[str, Score]]) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escape(name.replace("_", " "))}</th>'
        f'<td><meter value="{score.share:.4f}" aria-hidden="true"></meter><span>{_percent(score.share)}</span></td>'
        f"<td>{score.correct:,} of {score.count:,}</td><td>{_percent(score.low)} to {_percent(score.high)}</td></tr>"
        for name, score in sets
    )
    return _table(
        caption,
        f'<tr><th scope="col">Kind</th><th scope="col">{measured}</th><th scope="col">Pictures</th>'
        '<th scope="col">With 95% certainty</th></tr>',
        rows,
    )


def _digits(scores: Iterable[DigitScore]) -> str:
    rows = "".join(
        f'<tr><th scope="row">{score.digit}</th><td>{score.count:,}</td>'
        f"<td>{_percent(score.recall)}</td><td>{_percent(score.precision)}</td></tr>"
        for score in scores
    )
    return _table(
        "Test digits by digit",
        '<tr><th scope="col">Digit</th><th scope="col">Written</th><th scope="col">Found</th>'
        '<th scope="col">Right when named</th></tr>',
        rows,
    )


def _confusion(matrix: Sequence[Sequence[int]]) -> str:
    most = max((count for row, counts in enumerate(matrix) for column, count in enumerate(counts) if row != column))
    head = "".join(f'<th scope="col">{digit}</th>' for digit in range(len(matrix)))
    rows = "".join(
        f'<tr><th scope="row">{row}</th>'
        + "".join(_confusion_cell(count, most, right=row == column) for column, count in enumerate(counts))
        + "</tr>"
        for row, counts in enumerate(matrix)
    )
    return _table(
        "Written digits by row, answers by column", f'<tr><th scope="col">Written</th>{head}</tr>', rows, "confusion"
    )


def _confusion_cell(count: int, most: int, *, right: bool) -> str:
    if right:
        return f'<td class="right">{count:,}</td>'
    # Four shades, the darkest for the most frequent mistake.
    shade = f' class="wrong-{-(-4 * count // most)}"' if count else ""
    return f"<td{shade}>{count or ''}</td>"


def _doubt(thresholds: Thresholds | None, evaluation: Evaluation, plots: Mapping[str, Plot]) -> str:
    words = _paragraph(
        "Every answer comes with probabilities. On average they are off by "
        f"{_percent(evaluation.expected_calibration_error)}: a digit called 90% sure is right about nine times in ten."
    )
    if thresholds is not None and evaluation.rejected is not None:
        rejected = evaluation.rejected
        words += _paragraph(
            f"Below {thresholds.least_confidence:.0%} an answer is called uncertain. Where even the two best "
            f"digits have little between them, the picture is called no digit: that befell {rejected.correct:,} of "
            f"{rejected.count:,} real test digits."
        )
    return _section("When it is not sure", words + _picture(DOUBT_FILE, plots))


def _corruptions(scores: Sequence[CorruptionScore]) -> str:
    if not scores:
        return ""
    strengths = sorted({part.strength for part in scores})
    share = {(part.kind, part.strength): part.score.share for part in scores}
    kinds = sorted(dict.fromkeys(part.kind for part in scores), key=lambda kind: -share[kind, strengths[-1]])
    names = ["a little", "much", "heavily"] if len(strengths) == 3 else [f"strength {value:g}" for value in strengths]
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    rows = "".join(
        f'<tr><th scope="row">{escape(kind)}</th>'
        + "".join(_corruption_cell(share.get((kind, strength))) for strength in strengths)
        + "</tr>"
        for kind in kinds
    )
    words = _paragraph(
        f"{scores[0].score.count:,} test digits were spoilt on purpose, each in {len(kinds)} ways. "
        "This is how many were still read right."
    )
    return _section(
        "When the picture is bad",
        words
        + _table(
            "Share read right, by what befell the picture", f'<tr><th scope="col">Spoilt by</th>{head}</tr>', rows
        ),
    )


def _corruption_cell(share: float | None) -> str:
    if share is None:
        return "<td></td>"
    return f'<td class="shade-{sum(share < limit for limit in _SHADES)}">{share:.1%}</td>'


def _learning(history: Mapping[str, Sequence[float]]) -> str:
    learnt, fresh = history.get("accuracy"), history.get("val_accuracy")
    if not learnt or not fresh:
        return ""
    chart = line_chart(
        "Share of digits read right after each round of learning. "
        f"Fresh digits: {_percent(fresh[0])} after the first, {_percent(fresh[-1])} after the last.",
        [Line("digits it had not learnt from", fresh), Line("digits it was learning from", learnt)],
        lambda value: f"{value:.1%}".replace(".0%", "%"),
        "rounds over all training digits",
    )
    words = _paragraph(
        f"It went {len(fresh)} times over its training digits. Where the digits it learns from score lower than fresh "
        "ones, they had been made harder on purpose: bent, blurred, spotted."
        if learnt[-1] < fresh[-1]
        else f"It went {len(fresh)} times over its training digits."
    )
    return _section("How it learnt", words + chart)


def _figure(name: str, plots: Mapping[str, Plot]) -> str:
    if name not in plots:
        return ""
    return _section(_PICTURES[name][0], _picture(name, plots))


def _picture(name: str, plots: Mapping[str, Plot]) -> str:
    if name not in plots:
        return ""
    heading, words = _PICTURES[name]
    plot = plots[name]
    return (
        f'<figure><a class="plot" href="{plot.address}"><img src="{plot.address}" loading="lazy" '
        f'width="{plot.width}" height="{plot.height}" alt="{escape(heading)}. Opens the picture alone."></a>'
        f"<figcaption>{words}</figcaption></figure>"
    )


def _limits(metadata: Metadata) -> str:
    words = [
        "It reads one digit at a time; whole numbers are cut into their digits first. Shown something else, it still "
        "names the digit that resembles it most: mind its verdict.",
        "It does not read crossed-out digits, or digits of other scripts.",
        "Letters that are a digit in somebody's hand, such as O, l, S and Z, are read as that digit.",
    ]
    if metadata.training is not None:
        words.append(
            "Most of the handwriting it learnt from is American and of the 1990s. Shapes of other countries come from "
            "drawings made in code and from free fonts."
        )
    return f"<ul>{''.join(f'<li>{sentence}</li>' for sentence in words)}</ul>"


def _technical(metadata: Metadata, evaluation: Evaluation | None) -> str:
    facts = {
        "Published": f"{metadata.created:%d %B %Y}",
        "Size": f"{metadata.parameters:,} numbers learnt, {metadata.multiply_adds:,} multiplications a picture",
        "Takes": f"{metadata.input_shape[0]} x {metadata.input_shape[1]} pixels, white ink on black",
        "Fingerprint of its weights": metadata.weights_digest,
    }
    if metadata.training is not None:
        training = metadata.training
        facts |= {
            "Recipe": f"{training.recipe}, seed {training.seed}, {training.epochs} rounds",
            "Learnt from": training.data,
            "Made with": ", ".join(f"{name} {version}" for name, version in training.packages.items()),
        }
    if evaluation is not None and evaluation.training_seconds is not None:
        facts["Time to learn"] = f"{evaluation.training_seconds / 60:.0f} minutes"
    return "<dl>" + "".join(f"<dt>{name}</dt><dd>{escape(fact)}</dd>" for name, fact in facts.items()) + "</dl>"


def _table(caption: str, head: str, rows: str, kind: str = "figures") -> str:
    # Wide tables scroll by themselves, also with the keyboard, so that the page need not.
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{caption}"><table class="{kind}">'
        f'<caption class="unseen">{caption}</caption><thead>{head}</thead><tbody>{rows}</tbody></table></div>'
    )


def _section(heading: str, content: str) -> str:
    return f"<section><h2>{heading}</h2>{content}</section>"


def _paragraph(words: str) -> str:
    return f"<p>{words}</p>"


def _percent(share: float) -> str:
    """In per cent with as many decimals as tell something: 99.69%, 92.3%."""
    return f"{share:.2%}" if share > 0.95 or share < 0.05 else f"{share:.1%}"


def _range(score: Score) -> str:
    return f"between {_percent(score.low)} and {_percent(score.high)} with 95% certainty"
