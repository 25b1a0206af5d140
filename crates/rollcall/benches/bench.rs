//! `./bench`: what the design promises, measured, as ratios to floors of the same run.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::panic,
    reason = "a benchmark that cannot go on says where it stopped"
)]

mod crowd;
mod pages;
mod plan;
mod process;
mod sync;

use std::time::Duration;

use serde_json::{Value, json};

/// One line of the table.
struct Row {
    work: String,
    measured: Vec<(&'static str, Value)>,
    aims: Vec<Aim>,
}

/// A figure and what it should be at most.
struct Aim {
    what: &'static str,
    measured: f64,
    at_most: f64,
    unit: &'static str,
}

impl Aim {
    fn is_met(&self) -> bool {
        self.measured <= self.at_most
    }
}

/// The sections. `again`, `crowd` and `preview` need what `sync` left.
const SECTIONS: [&str; 7] = ["sync", "again", "plan", "crowd", "preview", "pages", "million"];

fn main() {
    rollcall::http::install_crypto();
    let mut only: Vec<String> = Vec::new();
    let mut users = 100_000;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--only" => only.push(arguments.next().expect("--only NAME")),
            "--users" => users = arguments.next().expect("--users N").parse().expect("a number"),
            "--bench" => {} // cargo says so itself
            other => panic!("{other} is not known; see the head of ./bench"),
        }
    }
    let wanted = |section: &str| only.is_empty() || only.iter().any(|it| it == section);
    assert!(only.iter().all(|it| SECTIONS.contains(&it.as_str())), "--only one of {SECTIONS:?}");

    let mut rows = Vec::new();
    if wanted("plan") {
        rows.extend([plan::row(users), plan::mapping_row(users)]);
    }
    if ["sync", "again", "crowd", "preview"].into_iter().any(wanted) {
        let (sync_rows, installation) = sync::rows(users);
        rows.extend(sync_rows);
        if wanted("preview") {
            rows.push(sync::preview_row(users, &installation));
        }
        if wanted("crowd") {
            rows.push(crowd::row(&installation));
        }
    }
    if wanted("pages") {
        rows.extend(pages::rows(users));
    }
    if wanted("million") {
        rows.push(sync::million());
    }
    print(&rows);
}

fn print(rows: &[Row]) {
    println!("\n{} cores, {}", cores(), machine_memory());
    for row in rows {
        println!("\n{}", row.work);
        for (what, value) in &row.measured {
            println!("    {what:<28} {}", value.to_string().trim_matches('"'));
        }
        for aim in &row.aims {
            let verdict = if aim.is_met() { "met" } else { "MISSED" };
            println!(
                "    {:<28} {:.3} {unit} (aim: at most {} {unit}) {verdict}",
                aim.what,
                aim.measured,
                aim.at_most,
                unit = aim.unit
            );
        }
    }
    let json: Vec<Value> = rows.iter().map(as_json).collect();
    let file = process::target_folder().join("bench.json");
    std::fs::write(&file, serde_json::to_string_pretty(&json).unwrap()).unwrap();
    println!("\nAs JSON: {}", file.display());
}

fn as_json(row: &Row) -> Value {
    let measured: serde_json::Map<String, Value> =
        row.measured.iter().map(|(what, value)| ((*what).to_owned(), value.clone())).collect();
    let aims: Vec<Value> = row
        .aims
        .iter()
        .map(|aim| {
            json!({ "what": aim.what, "measured": aim.measured, "at_most": aim.at_most,
                    "unit": aim.unit, "met": aim.is_met() })
        })
        .collect();
    json!({ "work": row.work, "measured": measured, "aims": aims })
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(0, usize::from)
}

fn machine_memory() -> String {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    total.map_or("memory unknown".to_owned(), |it| format!("{} of memory", it.trim()))
}

fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}
