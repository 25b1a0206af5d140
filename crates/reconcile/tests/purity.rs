//! `reconcile` can do no I/O because nothing that it depends on can.
#![expect(clippy::unwrap_used, reason = "a test that cannot read its own source has failed")]

#[test]
fn only_pure_crates_are_dependencies() {
    let manifest = include_str!("../Cargo.toml");
    let dependencies = manifest.split("[dependencies]").nth(1).unwrap();
    let names: Vec<&str> = dependencies
        .split("\n[")
        .next()
        .unwrap()
        .lines()
        .filter_map(|line| line.split(['.', ' ', '=']).next().filter(|name| !name.is_empty()))
        .collect();
    // croner searches calendars that it is given. minijinja evaluates expressions within bounds; the
    // parts of it that load templates are switched off. jiff is linked with whatever features the program
    // switches on, so what it could do with them is forbidden by name below.
    assert_eq!(
        names,
        ["any_ascii", "croner", "jiff", "minijinja", "regex", "thiserror", "unicode-normalization"]
    );
}

const OUTSIDE: [&str; 12] = [
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "std::time",
    "async fn",
    "Timestamp::now",
    "Zoned::now",
    "TimeZone::get",
    "TimeZone::system",
    "TimeZone::try_system",
    "tz::db",
];

#[test]
fn no_source_file_names_the_outside_world() {
    for entry in walk(std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))) {
        let text = std::fs::read_to_string(&entry).unwrap();
        // A test may look around; what it tests may not.
        if entry.components().any(|it| it.as_os_str().to_string_lossy().starts_with("tests")) {
            continue;
        }
        for word in OUTSIDE {
            assert!(!text.contains(word), "{} uses {word}", entry.display());
        }
    }
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    files.into_iter().chain(folders.iter().flat_map(|folder| walk(folder))).collect()
}
