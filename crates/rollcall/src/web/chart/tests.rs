use expect_test::{Expect, expect};

use super::*;

fn words(id: &str) -> Words<'_> {
    Words {
        id,
        title: "Changes",
        summary: "3 runs, 55 changes",
        from: "1 Nov",
        to: "3 Nov",
        tell: |value| value.to_string(),
    }
}

/// One element a line, without what every chart has.
fn check(chart: &Chart, expected: &Expect) {
    let text = chart.to_string().replace("><", ">\n<");
    let drawn: Vec<&str> =
        text.lines().filter(|it| !it.contains("pattern") && !it.contains("hatch")).collect();
    expected.assert_eq(&format!("{}\n", drawn.join("\n")));
}

#[test]
fn a_bar_stands_on_the_axis_and_its_parts_on_each_other() {
    let bars = [
        Bar { name: "run 1: nothing".to_owned(), parts: vec![(Series::Add, 0)] },
        Bar { name: "run 2".to_owned(), parts: vec![(Series::Add, 10), (Series::Remove, 5)] },
        Bar { name: "run 3 <b>".to_owned(), parts: vec![(Series::Held, 40)] },
    ];
    check(
        &super::bars(words("changes"), &bars),
        &expect![[r#"
        <figure class="chart">
        <svg viewBox="0 0 360 160" role="img" aria-labelledby="changes-title changes-summary">
        <title id="changes-title">Changes</title>
        <desc id="changes-summary">3 runs, 55 changes</desc>
        <defs>
        </defs>
        <path class="axis" d="M56 136H354"/>
        <text x="48" y="140" text-anchor="end">0</text>
        <path class="axis" d="M56 73H354"/>
        <text x="48" y="77" text-anchor="end">25</text>
        <path class="axis" d="M56 10H354"/>
        <text x="48" y="14" text-anchor="end">50</text>
        <text x="56" y="154">1 Nov</text>
        <text x="354" y="154" text-anchor="end">3 Nov</text>
        <g>
        <title>run 1: nothing</title>
        </g>
        <g>
        <title>run 2</title>
        <rect class="bar fill-add" x="188.9" y="110.8" width="32" height="25.2"/>
        <rect class="bar fill-remove" x="188.9" y="98.2" width="32" height="12.6"/>
        <rect x="188.9" y="98.2" width="32" height="12.6" fill="url(#changes-remove)"/>
        </g>
        <g>
        <title>run 3 &#60;b&#62;</title>
        <rect class="bar fill-held" x="288.2" y="35.2" width="32" height="100.8"/>
        <rect x="288.2" y="35.2" width="32" height="100.8" fill="url(#changes-held)"/>
        </g>
        </svg>
        <figcaption class="small subtle">3 runs, 55 changes</figcaption>
        <ul class="legend">
        <li>
        <svg viewBox="0 0 14 14" aria-hidden="true">
        <rect class="bar fill-add" x="0" y="0" width="14" height="14"/>
        </svg>created or added</li>
        <li>
        <svg viewBox="0 0 14 14" aria-hidden="true">
        <rect class="bar fill-remove" x="0" y="0" width="14" height="14"/>
        <rect x="0" y="0" width="14" height="14" fill="url(#changes-remove)"/>
        </svg>taken away</li>
        <li>
        <svg viewBox="0 0 14 14" aria-hidden="true">
        <rect class="bar fill-held" x="0" y="0" width="14" height="14"/>
        <rect x="0" y="0" width="14" height="14" fill="url(#changes-held)"/>
        </svg>held</li>
        </ul>
        </figure>
    "#]],
    );
}

#[test]
fn a_line_goes_from_the_first_run_to_the_last() {
    let points = [3, 0, 12].map(|value| Point { name: format!("{value} s"), value });
    check(
        &line(words("took"), &points),
        &expect![[r#"
        <figure class="chart">
        <svg viewBox="0 0 360 160" role="img" aria-labelledby="took-title took-summary">
        <title id="took-title">Changes</title>
        <desc id="took-summary">3 runs, 55 changes</desc>
        <defs>
        </defs>
        <path class="axis" d="M56 136H354"/>
        <text x="48" y="140" text-anchor="end">0</text>
        <path class="axis" d="M56 73H354"/>
        <text x="48" y="77" text-anchor="end">10</text>
        <path class="axis" d="M56 10H354"/>
        <text x="48" y="14" text-anchor="end">20</text>
        <text x="56" y="154">1 Nov</text>
        <text x="354" y="154" text-anchor="end">3 Nov</text>
        <path class="line" d="M105.6 117.1L205 136L304.3 60.4"/>
        <circle class="dot" cx="105.6" cy="117.1" r="3">
        <title>3 s</title>
        </circle>
        <circle class="dot" cx="205" cy="136" r="3">
        <title>0 s</title>
        </circle>
        <circle class="dot" cx="304.3" cy="60.4" r="3">
        <title>12 s</title>
        </circle>
        </svg>
        <figcaption class="small subtle">3 runs, 55 changes</figcaption>
        </figure>
    "#]],
    );
}

#[test]
fn a_small_line_says_what_it_shows() {
    check(
        &sparkline("20 runs, at most 4 changes", &[0, 4, 2]),
        &expect![[r#"
        <span class="chart spark">
        <svg viewBox="0 0 120 24" role="img" aria-label="20 runs, at most 4 changes">
        <path class="line" d="M2 22L60 2L118 12"/>
        </svg>
        </span>
    "#]],
    );
}

#[test]
fn a_chart_of_nothing_is_an_empty_axis() {
    for chart in [bars(words("a"), &[]), line(words("b"), &[]), sparkline("nothing", &[])] {
        assert!(!chart.to_string().contains("<rect"), "{chart}");
    }
}

#[test]
fn a_single_change_among_thousands_is_seen() {
    let bar = Bar { name: "run".to_owned(), parts: vec![(Series::Add, 5000), (Series::Remove, 1)] };
    let drawn = bars(words("many"), &[bar]).to_string();
    assert!(drawn.contains(r#"height="1.5""#), "{drawn}");
}

#[test]
fn axes_end_at_round_numbers() {
    for (value, round) in [(0, 1), (1, 1), (3, 5), (6, 10), (11, 20), (51, 100), (1999, 2000)] {
        assert_eq!(round_up(value), round, "{value}");
    }
    assert_eq!(round_up(u64::MAX), u64::MAX);
}
