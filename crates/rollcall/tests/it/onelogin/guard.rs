//! Addresses that are never called, whoever asks.

use std::net::IpAddr;

use reqwest::header::HeaderMap;
use reqwest::{Method, Url};
use rollcall::http::fault::Fault;
use rollcall::http::{Client, Limits, Request, address};

use super::{limits, start};

async fn call(url: &str, allow_loopback: bool) -> Result<u16, Fault> {
    let client = Client::new(Limits { allow_loopback, ..limits() }).unwrap();
    let url = Url::parse(url).unwrap_or_else(|it| panic!("{url}: {it}"));
    let request = Request { method: Method::GET, url, headers: HeaderMap::new(), body: None };
    client.send(request).await.map(|it| it.status)
}

const BLOCKED: &[&str] = &[
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.127.255.254",
    "127.0.0.1",
    "127.1.2.3",
    "169.254.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.8",
    "192.0.2.1",
    "192.31.196.1",
    "192.52.193.1",
    "192.88.99.1",
    "192.168.0.1",
    "192.168.255.255",
    "192.175.48.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.7",
    "203.0.113.9",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::2",
    "::7f00:1",
    "::10.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:8.8.8.8",
    "::ffff:0:8.8.8.8",
    "64:ff9b::1",
    "64:ff9b::10.0.0.1",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:2::1",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "2002::1",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "3fff::1",
    "3fff:fff::1",
    "5f00::1",
    "fc00::1",
    "fd12:3456::1",
    "fdff::1",
    "fe80::1",
    "febf::1",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
    "4000::1",
    "8000::1",
    "e000::1",
];

const PUBLIC: &[&str] = &[
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.1",
    "169.253.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "191.255.255.255",
    "192.0.1.1",
    "192.0.3.1",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "198.51.99.1",
    "203.0.112.1",
    "223.255.255.255",
    "2001:200::1",
    "2001:4860:4860::8888",
    "2003::1",
    "2606:4700::1111",
    "2a00:1450::1",
    "3ffe::1",
];

#[test]
fn only_public_addresses_are_called() {
    for text in BLOCKED {
        let address: IpAddr = text.parse().unwrap();
        assert!(address::refusal(address, false).is_some(), "{text}");
        let is_loopback = text.starts_with("127.") || ["::1", "::ffff:127.0.0.1"].contains(text);
        assert_eq!(address::refusal(address, true).is_none(), is_loopback, "{text}");
    }
    for text in PUBLIC {
        assert_eq!(address::refusal(text.parse().unwrap(), false), None, "{text}");
    }
}

#[tokio::test]
async fn addresses_written_as_numbers_of_any_kind_are_seen_through() {
    let mut urls: Vec<String> =
        BLOCKED
            .iter()
            .map(|it| {
                if it.contains(':') { format!("https://[{it}]/") } else { format!("https://{it}/") }
            })
            .collect();
    urls.extend(
        [
            "https://2130706433/",
            "https://0x7f000001/",
            "https://0x7f.1/",
            "https://0177.0.0.1/",
            "https://127.1/",
            "https://0/",
            "https://127.0.0.1./",
            "https://①②⑦.0.0.1/",
            "https://%31%32%37.0.0.1/",
            "https://3232235521/",
            "https://0xc0a80001/",
            "https://10.1/",
            "https://169.254.43518/",
            "https://[::ffff:7f00:1]/",
            "https://[0:0:0:0:0:0:0:1]/",
            "https://127。0。0。1/",
            "https://0x7f.0x0.0x0.0x1:443/",
            "https://017700000001/",
            "https://[::ffff:169.254.169.254]/",
            "https://[64:ff9b::7f00:1]/",
        ]
        .map(str::to_owned),
    );
    for url in urls {
        let fault = call(&url, false).await.unwrap_err();
        assert!(matches!(fault, Fault::Blocked(_)), "{url}: {fault}");
        assert!(fault.to_string().contains("Refused."), "{url}: {fault}");
    }
}

#[tokio::test]
async fn a_name_that_leads_to_this_machine_is_refused_when_it_is_resolved() {
    for url in ["https://localhost/", "https://LOCALHOST:8443/"] {
        let fault = call(url, false).await.unwrap_err();
        assert!(matches!(fault, Fault::Blocked(_)), "{url}: {fault}");
        assert!(fault.to_string().contains("a loopback address. Refused."), "{url}: {fault}");
        assert!(fault.to_string().contains("--allow-loopback"), "{url}: {fault}");
    }
    // Not every system resolves this one; where it does, it is refused too.
    let fault = call("https://localhost./", false).await.unwrap_err();
    assert!(matches!(fault, Fault::Blocked(_) | Fault::Unresolved { .. }), "{fault}");
}

#[tokio::test]
async fn other_schemes_and_credentials_in_a_url_are_refused() {
    for (url, part) in [
        ("http://8.8.8.8/", "only https"),
        ("http://example.com/", "only https"),
        ("ftp://example.com/", "only https"),
        ("https://ada:pw@example.com/", "user name or a password"),
        ("https://ada@example.com/", "user name or a password"),
    ] {
        for allow_loopback in [false, true] {
            let fault = call(url, allow_loopback).await.unwrap_err();
            assert!(matches!(fault, Fault::Url(_)), "{url}: {fault}");
            assert!(fault.to_string().contains(part), "{url}: {fault}");
            assert!(!fault.to_string().contains("pw"), "{url}: {fault}");
        }
    }
    let fault = call("http://192.168.0.1/", true).await.unwrap_err();
    assert!(matches!(fault, Fault::Blocked(_)), "{fault}");
}

#[tokio::test]
async fn a_sandbox_on_this_machine_is_called_only_where_that_is_allowed() {
    let sandbox = start(1).await;
    let url = format!("{}/auth/rate_limit", sandbox.base_url());
    assert_eq!(call(&url, true).await.unwrap(), 400);
    assert!(matches!(call(&url, false).await.unwrap_err(), Fault::Blocked(_)));
    let named = url.replace("127.0.0.1", "localhost");
    assert_eq!(call(&named, true).await.unwrap(), 400);
    assert!(matches!(call(&named, false).await.unwrap_err(), Fault::Url(_)));
}

#[tokio::test]
async fn a_name_that_does_not_exist_says_so() {
    let fault = call("https://no-such-host.invalid/", false).await.unwrap_err();
    assert!(matches!(fault, Fault::Unresolved { .. }), "{fault}");
    assert!(fault.to_string().contains("no-such-host.invalid has no address"), "{fault}");
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_told_from_one_that_is_not_there() {
    let sandbox = start(1).await;
    let fault = call(&sandbox.base_url().replace("http:", "https:"), true).await.unwrap_err();
    assert!(matches!(fault, Fault::Tls { .. }), "{fault}");
    let url = sandbox.base_url();
    sandbox.stop().await;
    let fault = call(&url, true).await.unwrap_err();
    assert!(matches!(fault, Fault::Connect { .. }), "{fault}");
}
