//! The real router on a loopback port, and requests to it.

use std::sync::Arc;

use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use rollcall::store::Db;
use rollcall::web;
use rollcall::web::site::Site;
use tokio::net::TcpListener;

use super::world::PASSWORD;

/// `http://127.0.0.1:port/crowd`
pub(crate) async fn serve(db: &Db) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = web::machines(db, &Arc::new(Site::direct()));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    format!("http://{address}/crowd")
}

/// An application and where it asks.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    client: Client,
    url: String,
    application: String,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Http {
    pub(crate) fn new(url: &str, application: &str, program: &str) -> Http {
        // Another test may have done so already.
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = Client::builder().user_agent(program).no_proxy().build().unwrap();
        Http { client, url: url.to_owned(), application: application.to_owned() }
    }

    pub(crate) fn url(&self) -> String {
        self.url.clone()
    }

    /// A request of `/user?username=ada` below `rest/usermanagement/1`, signed by the application.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}/rest/usermanagement/1{path}", self.url);
        self.client.request(method, url).basic_auth(&self.application, Some(PASSWORD))
    }

    /// A request of any path, signed by nobody.
    pub(crate) fn stranger(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        send(self.request(Method::GET, path).header("accept", "application/xml")).await
    }

    pub(crate) async fn get_json(&self, path: &str) -> serde_json::Value {
        let answer =
            send(self.request(Method::GET, path).header("accept", "application/json")).await;
        serde_json::from_str(&answer.text).unwrap_or_else(|error| panic!("{error}: {answer:?}"))
    }

    pub(crate) async fn post(&self, path: &str, xml: &str) -> Answer {
        let request = self.request(Method::POST, path).header("accept", "application/xml");
        send(request.header("content-type", "application/xml; charset=UTF-8").body(xml.to_owned()))
            .await
    }
}

/// Sends a request; every answer of a Crowd server has its headers.
pub(crate) async fn send(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    assert!(headers.contains_key("x-embedded-crowd-version"), "{status} {headers:?}");
    assert!(headers["cache-control"].to_str().unwrap().contains("no-store"), "{headers:?}");
    Answer { status, headers, text: response.text().await.unwrap() }
}
