//! `rollcall serve` as it is started for the first time: a program of its own in an empty folder.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

#[derive(Debug)]
pub(crate) struct Fresh {
    pub(crate) url: String,
    /// The set-up code that it printed.
    pub(crate) code: String,
    child: Child,
    _folder: TempDir,
}

impl Fresh {
    /// Starts a service, and waits until it has told its code and its address.
    pub(crate) fn start() -> Fresh {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_rollcall"))
            .args(["serve", "--listen", "127.0.0.1:0", "--json", "--allow-loopback"])
            .arg("--data-dir")
            .arg(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut logs = BufReader::new(child.stderr.take().unwrap());
        let mut log = String::new();
        let code = loop {
            let before = log.len();
            assert_ne!(logs.read_line(&mut log).unwrap(), 0, "no set-up code: {log}");
            if let Some((_, rest)) = log[before..].split_once("one use): ") {
                break rest.split_whitespace().next().unwrap().to_owned();
            }
        };
        // Whatever else it says must not fill the pipe.
        std::thread::spawn(move || drop(logs.read_to_end(&mut Vec::new())));
        let mut answers = BufReader::new(child.stdout.take().unwrap());
        let mut answer = String::new();
        while !answer.ends_with("}\n") {
            assert_ne!(answers.read_line(&mut answer).unwrap(), 0, "no answer: {answer}");
        }
        let answer: Value = serde_json::from_str(&answer).unwrap();
        let url = answer["listening"].as_str().unwrap().to_owned();
        Fresh { url, code, child, _folder: folder }
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
