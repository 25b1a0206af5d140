//! The real service on a loopback port, and a browser without scripts.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use jiff::Timestamp;
use reqwest::header::{COOKIE, HeaderMap, LOCATION, SET_COOKIE};
use reqwest::{Client, Method, RequestBuilder, StatusCode, redirect};
use rollcall::run::Engine;
use rollcall::seal::{KeySource, Seal};
use rollcall::secret::Secret;
use rollcall::store::Db;
use rollcall::store::accounts::{self, Account, NewAccount, Role};
use rollcall::store::audit::actor::Actor;
use rollcall::web;
use rollcall::web::site::{SetUpCodes, Site};
use tokio::net::TcpListener;

pub(crate) const PASSWORD: &str = "correct horse battery";

/// A running service.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) url: String,
    pub(crate) engine: Engine,
    /// The set-up codes that it printed.
    pub(crate) printed: Arc<Mutex<Vec<String>>>,
    /// What all browsers send with: making one takes longer than a page.
    client: Client,
}

impl Service {
    pub(crate) async fn start(db: &Db) -> Service {
        Service::start_at(db, Site::direct()).await
    }

    pub(crate) async fn start_at(db: &Db, site: Site) -> Service {
        let key = base64::engine::general_purpose::STANDARD.encode([7; 32]);
        let seal = Seal::open(&KeySource::Given(Secret::new(key)), None).unwrap();
        let engine = Engine::new(db.clone(), Arc::new(seal), true);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let printed = Arc::new(Mutex::new(Vec::new()));
        let codes = Arc::clone(&printed);
        let set_up = SetUpCodes::to(move |code| codes.lock().unwrap().push(code.to_owned()));
        let router = web::router(&engine, Site { set_up, ..site });
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
        // Another test may have done so already.
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = Client::builder().redirect(redirect::Policy::none()).no_proxy();
        let client = client.build().unwrap();
        Service { url: format!("http://{address}"), engine, printed, client }
    }

    /// A browser in which somebody of a role is signed in, whose account is made for it.
    pub(crate) async fn signed_in(&self, role: Role) -> Browser {
        let account = account(&self.engine.db, role).await;
        let mut browser = self.browser();
        browser.sign_in(account.email.as_str()).await;
        browser
    }

    pub(crate) fn browser(&self) -> Browser {
        Browser { client: self.client.clone(), url: self.url.clone(), cookies: Vec::new() }
    }
}

/// Makes an account `ROLE@example.com` with [`PASSWORD`], unless there is one.
pub(crate) async fn account(db: &Db, role: Role) -> Account {
    let email = format!("{}@example.com", role.word());
    if let Ok(account) = accounts::find(db, &email).await {
        return account;
    }
    let password = Secret::new(PASSWORD.to_owned());
    let new = NewAccount { email: &email, name: role.label(), role, password: Some(&password) };
    let actor = Actor::command_line("test", "here");
    accounts::create(db, &new, &actor.act(Timestamp::now())).await.unwrap()
}

#[derive(Clone, Debug)]
pub(crate) struct Browser {
    client: Client,
    url: String,
    pub(crate) cookies: Vec<(String, String)>,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Browser {
    pub(crate) async fn sign_in(&mut self, email: &str) {
        let form = [("email", email), ("password", PASSWORD)];
        let answer = self.post("/sign-in", &form).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{answer:?}");
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Sends a request, and reads no more than the head of its answer: some have no end.
    pub(crate) async fn send_head(&mut self, request: RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        Answer { status, headers, text: String::new() }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = self.client.request(method, format!("{}{path}", self.url));
        request.header(COOKIE, cookies.join("; "))
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        let request = self.request(Method::GET, path);
        self.send(request).await
    }

    /// Sends a form as a page of ours would, but without the token.
    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let request = self
            .request(Method::POST, path)
            .header("origin", &self.url)
            .header("sec-fetch-site", "same-origin")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(web::form::encode(fields));
        self.send(request).await
    }

    /// Opens a page, and sends a form of it with its token.
    pub(crate) async fn submit(
        &mut self,
        page: &str,
        path: &str,
        fields: &[(&str, &str)],
    ) -> Answer {
        let shown = self.get(page).await;
        let token = shown.token();
        let fields: Vec<(&str, &str)> =
            fields.iter().copied().chain([("csrf", token.as_str())]).collect();
        self.post(path, &fields).await
    }

    /// Sends the form of a page that asks for the password again, and the form that it carries.
    pub(crate) async fn prove(&mut self, asked: &Answer, password: &str) -> Answer {
        let (_, form) = asked.text.split_once("action=\"/account/prove\"").unwrap_or_else(|| {
            panic!("no password is asked for: {asked:?}");
        });
        let (form, _) = form.split_once("</form>").unwrap();
        let value = |part: &str, name: &str| {
            let (_, rest) = part.split_once(&format!("{name}=\""))?;
            Some(rest.split('"').next()?.replace("&#38;", "&").replace("&#34;", "\""))
        };
        let hidden = form.split("type=\"hidden\"").skip(1).filter_map(|it| {
            let it = it.split('>').next()?;
            Some((value(it, "name")?, value(it, "value")?))
        });
        let fields: Vec<(String, String)> =
            hidden.chain([("password".to_owned(), password.to_owned())]).collect();
        let fields: Vec<(&str, &str)> =
            fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let answer = self.post("/account/prove", &fields).await;
        if answer.status != StatusCode::TEMPORARY_REDIRECT {
            return answer;
        }
        let next = answer.location().to_owned();
        self.post(&next, &fields).await
    }

    /// Follows the redirect of an answer.
    pub(crate) async fn follow(&mut self, answer: &Answer) -> Answer {
        let next = answer.location().to_owned();
        self.get(&next).await
    }

    pub(crate) async fn send(&mut self, request: RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        for cookie in headers.get_all(SET_COOKIE) {
            let cookie = cookie.to_str().unwrap();
            let (pair, attributes) = cookie.split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.retain(|(known, _)| known != name);
            if !attributes.contains("Max-Age=0") {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        Answer { status, headers, text: response.text().await.unwrap() }
    }
}

impl Answer {
    pub(crate) fn location(&self) -> &str {
        self.headers.get(LOCATION).unwrap_or_else(|| panic!("{self:?}")).to_str().unwrap()
    }

    /// The token of the forms of a page.
    pub(crate) fn token(&self) -> String {
        let (_, rest) = self
            .text
            .split_once("name=\"csrf\" value=\"")
            .unwrap_or_else(|| panic!("no form: {self:?}"));
        rest.split('"').next().unwrap().to_owned()
    }
}
