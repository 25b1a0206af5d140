//! Charts as SVG: bars in parts, lines, and small lines within a row.
//!
//! They are drawn here so that they print, need no script, and look the same wherever they are
//! opened. Colours and hatches come from the style sheet by class: light and dark need no second
//! drawing, and no meaning hangs on colour alone. All positions are whole tenths of a pixel, so that
//! a drawing is the same on every machine. A chart says in words what it shows; the page shows the
//! same numbers as a table.

use std::fmt::{self, Write as _};

use askama::filters::{Html, HtmlSafe, escape};

/// What a part of a bar, or a line, counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Series {
    Add,
    Update,
    Remove,
    Held,
    /// Durations, calls: what is measured and not decided.
    Measure,
    Neutral,
}

/// One bar: its name for whoever points at it, and what it is made of, from the bottom up.
#[derive(Clone, Debug)]
pub struct Bar {
    pub name: String,
    pub parts: Vec<(Series, u64)>,
}

/// One point of a line.
#[derive(Clone, Debug)]
pub struct Point {
    pub name: String,
    pub value: u64,
}

/// The words of a chart.
#[derive(Clone, Copy, Debug)]
pub struct Words<'a> {
    /// Tells the charts of a page apart.
    pub id: &'a str,
    pub title: &'a str,
    /// What one would say of it on the telephone: "30 runs, 214 changes, at most 41 in one".
    pub summary: &'a str,
    /// Left and right end of the axis.
    pub from: &'a str,
    pub to: &'a str,
    /// How a value is told, with its unit.
    pub tell: fn(u64) -> String,
}

/// A finished drawing.
#[derive(Clone, Debug)]
pub struct Chart(String);

// In tenths of a pixel.
const WIDTH: u64 = 3600;
const HEIGHT: u64 = 1600;
const LEFT: u64 = 560;
const TOP: u64 = 100;
const BOTTOM: u64 = 240;
const PLOT_WIDTH: u64 = WIDTH - LEFT - 60;
const PLOT_HEIGHT: u64 = HEIGHT - TOP - BOTTOM;
const BASE: u64 = TOP + PLOT_HEIGHT;
/// Bars beyond this width look like blocks.
const BAR_WIDTH_MAX: u64 = 320;
/// With more points than this, dots hide the line.
const DOTS_MAX: usize = 60;

impl Series {
    const ALL: [Self; 6] =
        [Self::Add, Self::Update, Self::Remove, Self::Held, Self::Measure, Self::Neutral];

    fn class(self) -> &'static str {
        match self {
            Self::Add => "fill-add",
            Self::Update => "fill-update",
            Self::Remove => "fill-remove",
            Self::Held => "fill-held",
            Self::Measure => "fill-running",
            Self::Neutral => "fill-neutral",
        }
    }

    /// The hatch that tells it from its neighbours without colour; nothing for solid ones.
    fn hatch(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Add | Self::Measure => None,
            Self::Update => Some(("update", "M0 6 6 0")),
            Self::Remove => Some(("remove", "M0 3h6")),
            Self::Held => Some(("held", "M0 0 6 6M0 6 6 0")),
            Self::Neutral => Some(("neutral", "M3 0v6")),
        }
    }
}

/// Bars side by side, each in parts of several series.
pub fn bars(words: Words<'_>, bars: &[Bar]) -> Chart {
    let total = |bar: &Bar| bar.parts.iter().map(|(_, value)| value).sum::<u64>();
    let top = round_up(bars.iter().map(total).max().unwrap_or(0));
    let mut svg = begin(words, top);
    let step = PLOT_WIDTH / count(bars.len()).max(1);
    let width = (step * 8 / 10).clamp(10, BAR_WIDTH_MAX);
    for (index, bar) in bars.iter().enumerate() {
        let x = LEFT + step * count(index) + (step.saturating_sub(width)) / 2;
        let mut base = BASE;
        svg.push_str("<g><title>");
        svg.push_str(&escaped(&bar.name));
        svg.push_str("</title>");
        for (series, value) in bar.parts.iter().filter(|(_, value)| 0 < *value) {
            // A single change among thousands can still be seen.
            let height = share(PLOT_HEIGHT, *value, top).max(15).min(base - TOP);
            base -= height;
            rectangle(&mut svg, (x, base, width, height), *series, words.id);
        }
        svg.push_str("</g>");
    }
    let shown: Vec<Series> = Series::ALL
        .into_iter()
        .filter(|it| bars.iter().any(|bar| bar.parts.iter().any(|(series, _)| series == it)))
        .collect();
    end(svg, words, &shown)
}

/// One line over time.
pub fn line(words: Words<'_>, points: &[Point]) -> Chart {
    let top = round_up(points.iter().map(|it| it.value).max().unwrap_or(0));
    let mut svg = begin(words, top);
    let places = count(points.len()).max(1);
    // Each stands where the bar of the same run stands in another chart.
    let at = |(index, point): (usize, &Point)| {
        let x = LEFT + PLOT_WIDTH * (2 * count(index) + 1) / (2 * places);
        (x, BASE - share(PLOT_HEIGHT, point.value, top))
    };
    svg.push_str(r#"<path class="line" d=""#);
    path(&mut svg, points.iter().enumerate().map(at));
    svg.push_str(r#""/>"#);
    if points.len() <= DOTS_MAX {
        for (index, point) in points.iter().enumerate() {
            let (x, y) = at((index, point));
            let (x, y, name) = (tenths(x), tenths(y), escaped(&point.name));
            push(&mut svg, format_args!(r#"<circle class="dot" cx="{x}" cy="{y}" r="3">"#));
            push(&mut svg, format_args!("<title>{name}</title></circle>"));
        }
    }
    end(svg, words, &[])
}

/// A small line within a row of a table, which `summary` says in words.
pub fn sparkline(summary: &str, values: &[u64]) -> Chart {
    const WIDE: u64 = 1200;
    const HIGH: u64 = 240;
    let top = values.iter().copied().max().unwrap_or(0).max(1);
    let gaps = count(values.len().saturating_sub(1)).max(1);
    let summary = escaped(summary);
    let mut svg = format!(
        r#"<span class="chart spark"><svg viewBox="0 0 120 24" role="img" aria-label="{summary}"><path class="line" d=""#
    );
    let at = |(index, value): (usize, &u64)| {
        (20 + (WIDE - 40) * count(index) / gaps, HIGH - 20 - share(HIGH - 40, *value, top))
    };
    path(&mut svg, values.iter().enumerate().map(at));
    svg.push_str(r#""/></svg></span>"#);
    Chart(svg)
}

fn begin(words: Words<'_>, top: u64) -> String {
    let Words { id, title, summary, from, to, tell } = words;
    let (title, summary) = (escaped(title), escaped(summary));
    let mut svg = format!(
        "<figure class=\"chart\"><svg viewBox=\"0 0 {} {}\" role=\"img\" \
         aria-labelledby=\"{id}-title {id}-summary\"><title id=\"{id}-title\">{title}</title>\
         <desc id=\"{id}-summary\">{summary}</desc><defs>",
        WIDTH / 10,
        HEIGHT / 10
    );
    for (name, hatch) in Series::ALL.into_iter().filter_map(Series::hatch) {
        push(
            &mut svg,
            format_args!(
                "<pattern id=\"{id}-{name}\" width=\"6\" height=\"6\" \
                 patternUnits=\"userSpaceOnUse\"><path class=\"hatch\" d=\"{hatch}\"/></pattern>"
            ),
        );
    }
    svg.push_str("</defs>");
    let marks = if top.is_multiple_of(2) { vec![0, top / 2, top] } else { vec![0, top] };
    for mark in marks {
        let y = BASE - share(PLOT_HEIGHT, mark, top);
        let (left, right, y, text_y) =
            (tenths(LEFT), tenths(WIDTH - 60), tenths(y), tenths(y + 40));
        push(&mut svg, format_args!(r#"<path class="axis" d="M{left} {y}H{right}"/>"#));
        let (x, told) = (tenths(LEFT - 80), escaped(&tell(mark)));
        push(
            &mut svg,
            format_args!(r#"<text x="{x}" y="{text_y}" text-anchor="end">{told}</text>"#),
        );
    }
    let (left, right, y) = (tenths(LEFT), tenths(WIDTH - 60), tenths(HEIGHT - 60));
    let (from, to) = (escaped(from), escaped(to));
    push(&mut svg, format_args!(r#"<text x="{left}" y="{y}">{from}</text>"#));
    push(&mut svg, format_args!(r#"<text x="{right}" y="{y}" text-anchor="end">{to}</text>"#));
    svg
}

fn end(mut svg: String, words: Words<'_>, legend: &[Series]) -> Chart {
    svg.push_str("</svg><figcaption class=\"small subtle\">");
    svg.push_str(&escaped(words.summary));
    svg.push_str("</figcaption>");
    if 1 < legend.len() {
        svg.push_str(r#"<ul class="legend">"#);
        for series in legend {
            svg.push_str(r#"<li><svg viewBox="0 0 14 14" aria-hidden="true">"#);
            rectangle(&mut svg, (0, 0, 140, 140), *series, words.id);
            push(&mut svg, format_args!("</svg>{}</li>", legend_word(*series)));
        }
        svg.push_str("</ul>");
    }
    svg.push_str("</figure>");
    Chart(svg)
}

fn legend_word(series: Series) -> &'static str {
    match series {
        Series::Add => "created or added",
        Series::Update => "updated",
        Series::Remove => "taken away",
        Series::Held => "held",
        Series::Measure => "measured",
        Series::Neutral => "skipped",
    }
}

fn rectangle(
    svg: &mut String,
    (x, y, width, height): (u64, u64, u64, u64),
    series: Series,
    id: &str,
) {
    let (x, y, width, height) = (tenths(x), tenths(y), tenths(width), tenths(height));
    let class = series.class();
    let place = format!(r#"x="{x}" y="{y}" width="{width}" height="{height}""#);
    push(svg, format_args!(r#"<rect class="bar {class}" {place}/>"#));
    if let Some((name, _)) = series.hatch() {
        push(svg, format_args!(r#"<rect {place} fill="url(#{id}-{name})"/>"#));
    }
}

fn path(svg: &mut String, points: impl Iterator<Item = (u64, u64)>) {
    for (index, (x, y)) in points.enumerate() {
        let step = if index == 0 { "M" } else { "L" };
        push(svg, format_args!("{step}{} {}", tenths(x), tenths(y)));
    }
}

/// The next of 1, 2, 5, 10, 20, 50, .. that is not smaller, so that an axis has round numbers.
fn round_up(value: u64) -> u64 {
    let mut power: u64 = 1;
    loop {
        for step in [1, 2, 5] {
            let Some(round) = power.checked_mul(step) else { return value };
            if value <= round {
                return round;
            }
        }
        let Some(next) = power.checked_mul(10) else { return value };
        power = next;
    }
}

/// As much of a length as the value is of the top.
fn share(length: u64, value: u64, top: u64) -> u64 {
    let share = u128::from(length) * u128::from(value) / u128::from(top);
    u64::try_from(share).unwrap_or(length)
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

fn tenths(value: u64) -> String {
    match value % 10 {
        0 => (value / 10).to_string(),
        rest => format!("{}.{rest}", value / 10),
    }
}

fn escaped(text: &str) -> String {
    let Ok(text) = escape(text, Html);
    text.to_string()
}

fn push(svg: &mut String, text: fmt::Arguments<'_>) {
    svg.write_fmt(text).expect("a text takes whatever is written to it");
}

impl fmt::Display for Chart {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl HtmlSafe for Chart {}

#[cfg(test)]
mod tests;
