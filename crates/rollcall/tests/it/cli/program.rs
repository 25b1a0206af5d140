//! The real program in a home of its own, with everything it says written down.

use std::cell::RefCell;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A directory with nothing in it but what the program puts there, and no other environment.
pub(crate) struct Home {
    dir: TempDir,
    environment: Vec<(String, String)>,
    /// All that any program of this home wrote to standard output or standard error.
    said: RefCell<String>,
}

/// What a program did.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Home {
    pub(crate) fn new() -> Home {
        Home {
            dir: tempfile::tempdir().unwrap(),
            environment: Vec::new(),
            said: RefCell::default(),
        }
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.environment.retain(|(it, _)| it != name);
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.path("data")
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    pub(crate) fn rollcall(&self, arguments: &[&str]) -> Ran {
        self.rollcall_with_input(arguments, "")
    }

    pub(crate) fn rollcall_with_input(&self, arguments: &[&str], input: &str) -> Ran {
        let mut child = self.command(arguments).stdin(Stdio::piped()).spawn().unwrap();
        // A program that does not read its input closes it; that is no failure here.
        drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
        let output = child.wait_with_output().unwrap();
        let ran = Ran {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        };
        let said = [ran.stdout.as_str(), ran.stderr.as_str()].join("\n");
        self.said.borrow_mut().push_str(&said);
        ran
    }

    /// The answer of a command that goes well.
    pub(crate) fn answer(&self, arguments: &[&str]) -> Value {
        let ran = self.rollcall(&[arguments, &["--json"]].concat());
        assert_eq!(ran.code, 0, "{arguments:?}: {ran:?}");
        serde_json::from_str(&ran.stdout).unwrap()
    }

    /// A connector with the secret `s3cret`.
    pub(crate) fn create_connector(&self, name: &str) {
        let file = self.write("secret", "s3cret\n");
        let ran = self.rollcall(&[
            "connector",
            "create",
            name,
            "--base-url",
            "eu",
            "--client-id",
            "id",
            "--client-secret-file",
            &file,
        ]);
        assert_eq!(ran.code, 0, "{ran:?}");
    }

    /// Starts a service and waits until it says where it is.
    pub(crate) fn start(&self, arguments: &[&str]) -> Service<'_> {
        let mut child = self.command(arguments).stdin(Stdio::null()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut text = String::new();
        while !text.ends_with("}\n") {
            if stdout.read_line(&mut text).unwrap() == 0 {
                let mut stderr = String::new();
                child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
                panic!("no answer: {text}{stderr}");
            }
        }
        let answer: Value = serde_json::from_str(&text).unwrap();
        self.said.borrow_mut().push_str(&text);
        let address = answer["listening"].as_str().unwrap();
        let address = address.strip_prefix("http://").unwrap().parse().unwrap();
        Service { home: self, child, answer, address }
    }

    /// Every file of this home that holds the text, and `said` if the program told it.
    pub(crate) fn places_of(&self, needle: &str) -> Vec<String> {
        let mut places = Vec::new();
        if self.said.borrow().contains(needle) {
            places.push("said".to_owned());
        }
        for file in files_below(self.dir.path()) {
            let bytes = fs::read(&file).unwrap();
            if bytes.windows(needle.len()).any(|it| it == needle.as_bytes()) {
                places.push(file.display().to_string());
            }
        }
        places
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall"));
        command
            .args(arguments)
            .env_clear()
            .env("HOME", self.dir.path())
            .env("ROLLCALL_DATA_DIR", self.data())
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(self.dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}

/// A program that runs until it is told to end.
pub(crate) struct Service<'a> {
    home: &'a Home,
    child: Child,
    pub(crate) answer: Value,
    pub(crate) address: SocketAddr,
}

impl Service<'_> {
    /// Status line and body of a `GET`.
    pub(crate) fn get(&self, path: &str) -> String {
        get(self.address, path)
    }

    pub(crate) fn signal(&self, signal: &str) {
        let sent =
            Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for the end; gives the exit code and what it logged.
    pub(crate) fn end(mut self) -> (i32, String) {
        let code = self.child.wait().unwrap().code().unwrap();
        let mut stderr = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        self.home.said.borrow_mut().push_str(&stderr);
        (code, stderr)
    }
}

impl Drop for Service<'_> {
    fn drop(&mut self) {
        // It has ended already, unless a test failed.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

pub(crate) fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: rollcall\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    format!("{} {}", head.lines().next().unwrap(), body.trim())
}

fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files
}
