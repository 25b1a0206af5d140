//! The processes that are measured, from outside.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub(crate) const ROLLCALL: &str = env!("CARGO_BIN_EXE_rollcall");

/// What one command took.
pub(crate) struct Measured {
    pub(crate) wall: Duration,
    pub(crate) peak_mib: f64,
    pub(crate) stdout: String,
}

/// Runs a command to its end. The peak of its memory is the kernel's own high-water mark.
pub(crate) fn run(command: &mut Command) -> Measured {
    let began = Instant::now();
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pid = child.id();
    let stdout = child.stdout.take().unwrap();
    let stderr = child.stderr.take().unwrap();
    let stdout = std::thread::spawn(move || std::io::read_to_string(stdout).unwrap());
    let stderr = std::thread::spawn(move || std::io::read_to_string(stderr).unwrap());
    let mut peak_mib: f64 = 0.0;
    let status = loop {
        peak_mib = peak_mib.max(memory_mib(pid, "VmHWM:"));
        match child.try_wait().unwrap() {
            Some(status) => break status,
            None => std::thread::sleep(Duration::from_millis(2)),
        }
    };
    let wall = began.elapsed();
    let (stdout, stderr) = (stdout.join().unwrap(), stderr.join().unwrap());
    assert!(status.success(), "{command:?} ended with {status}:\n{stdout}\n{stderr}");
    Measured { wall, peak_mib, stdout }
}

/// A line of `/proc/PID/status`, in MiB; 0 once the process is gone.
pub(crate) fn memory_mib(pid: u32, line: &str) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let value = text.lines().find_map(|it| it.strip_prefix(line));
    let kib = value.and_then(|it| it.trim().strip_suffix(" kB")?.trim().parse::<f64>().ok());
    kib.unwrap_or(0.0) / 1024.0
}

/// A server that runs until it is dropped.
pub(crate) struct Server {
    child: Child,
    /// The JSON object that it says once it is ready.
    pub(crate) said: String,
}

impl Server {
    /// Starts a command that answers with one JSON object when it is ready, and waits for it.
    pub(crate) fn start(command: &mut Command) -> Server {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut said = String::new();
        loop {
            let line = lines.next().expect("it ended before it was ready").unwrap();
            said.push_str(&line);
            if line == "}" {
                break;
            }
        }
        // Whatever else it says must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Server { child, said }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

pub(crate) fn target_folder() -> PathBuf {
    // target/release/rollcall
    Path::new(ROLLCALL).ancestors().nth(2).unwrap().to_owned()
}
