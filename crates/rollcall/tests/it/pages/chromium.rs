//! Chromium for all tests that need a real browser: with scripts, and without.
//!
//! Starting a browser costs more than a test, so whoever is done hands it on, and a few tests at a
//! time have one each. They run on one runtime, because the connection to a browser lives on the
//! runtime that opened it.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::LazyLock;
use std::time::Duration;

use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::json;
use tokio::runtime::Runtime;
use tokio::sync::{Mutex, Semaphore};

use super::window::Window;

/// Whether the pages may run scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scripts {
    On,
    Off,
}

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
});

static BROWSERS: Mutex<Browsers> =
    Mutex::const_new(Browsers { driver: None, opened: 0, idle: Vec::new() });
/// More would wait for each other.
static TURNS: Semaphore = Semaphore::const_new(2);

struct Browsers {
    driver: Option<Driver>,
    opened: u32,
    idle: Vec<(Scripts, Client)>,
}

/// The driver of the browsers, on a port of its own.
struct Driver {
    url: String,
    folder: String,
    /// Held open: when this process ends, however it ends, the shell around the driver reads the
    /// end of it, ends the driver with its browsers, and removes their folder.
    _alive: ChildStdin,
}

const TEST_MAX: Duration = Duration::from_mins(4);

/// Runs a test in a fresh window, and fails it for whatever the browser complained of: a script
/// that broke, something that the content security policy refused, a file that was not there.
pub(crate) fn in_window(scripts: Scripts, test: impl AsyncFnOnce(&Window)) {
    RUNTIME.block_on(async {
        let _turn = TURNS.acquire().await.unwrap();
        let client = BROWSERS.lock().await.take(scripts).await;
        let window = Window::new(client.clone(), scripts);
        window.reset().await;
        tokio::time::timeout(TEST_MAX, test(&window)).await.expect("a test of pages is quick");
        window.assert_no_complaints().await;
        // Of a test that failed, nobody wants the browser.
        BROWSERS.lock().await.idle.push((scripts, client));
    });
}

impl Browsers {
    async fn take(&mut self, scripts: Scripts) -> Client {
        if let Some(at) = self.idle.iter().position(|(it, _)| *it == scripts) {
            return self.idle.swap_remove(at).1;
        }
        self.opened += 1;
        self.driver.get_or_insert_with(Driver::start).open(scripts, self.opened).await
    }
}

impl Driver {
    fn start() -> Driver {
        let folder = tempfile::Builder::new().prefix("rollcall-chromium-").tempdir().unwrap();
        let folder = folder.keep().display().to_string();
        let script = r#"TMPDIR=$1 setsid chromedriver --port=0 2>/dev/null &
            driver=$!
            read -r _
            kill -KILL -$driver
            wait
            rm -rf "$1""#;
        let mut shell = Command::new("sh")
            .args(["-c", script, "sh", &folder])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let alive = shell.stdin.take().unwrap();
        let mut told = BufReader::new(shell.stdout.take().unwrap());
        let port = loop {
            let mut line = String::new();
            let is_end = told.read_line(&mut line).unwrap() == 0;
            assert!(!is_end, "no chromedriver: run ./test, or install chromium-driver");
            let port = line.trim().strip_prefix("ChromeDriver was started successfully on port ");
            if let Some(port) = port {
                break port.trim_end_matches('.').to_owned();
            }
        };
        // Whatever else it says must not fill the pipe.
        std::thread::spawn(move || {
            drop(told.read_to_end(&mut Vec::new()));
            drop(shell.wait());
        });
        Driver { url: format!("http://127.0.0.1:{port}"), folder, _alive: alive }
    }

    async fn open(&self, scripts: Scripts, number: u32) -> Client {
        let profile = format!("--user-data-dir={}/{number}", self.folder);
        // 2 blocks, as the settings of the browser would.
        let javascript = match scripts {
            Scripts::On => 1,
            Scripts::Off => 2,
        };
        let capabilities = json!({
            "browserName": "chrome",
            "unhandledPromptBehavior": "accept",
            "goog:loggingPrefs": { "browser": "ALL" },
            "goog:chromeOptions": {
                "args": [
                    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic",
                    "--no-first-run", "--disable-background-networking",
                    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
                    "--hide-scrollbars", "--force-color-profile=srgb", profile,
                ],
                "prefs": {
                    "profile.default_content_setting_values.javascript": javascript,
                    "credentials_enable_service": false,
                },
            },
        });
        let serde_json::Value::Object(capabilities) = capabilities else { unreachable!() };
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(capabilities).connect(&self.url).await.unwrap()
    }
}
