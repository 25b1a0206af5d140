//! Style, script and icons, built into the program. The address of a file holds the hash of what is
//! in it, so that browsers may keep it for ever and never show an old one.

use std::sync::LazyLock;

use axum::body::Bytes;
use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use ring::digest::{SHA256, digest};

use crate::web::refusal::Refusal;

/// One file of `static/`.
#[derive(Debug)]
struct Asset {
    name: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
}

macro_rules! asset {
    ($name:literal, $kind:literal) => {
        Asset {
            name: $name,
            kind: $kind,
            bytes: include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/static/", $name)),
        }
    };
}

static ASSETS: &[Asset] = &[
    asset!("app.css", "text/css; charset=utf-8"),
    asset!("app.js", "text/javascript; charset=utf-8"),
    asset!("favicon.svg", "image/svg+xml"),
];

const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// `/static/app.0f3c9a1b2c3d.css`, in the order of [`ASSETS`].
static ADDRESSES: LazyLock<Vec<String>> = LazyLock::new(|| ASSETS.iter().map(address_of).collect());

fn address_of(asset: &Asset) -> String {
    let hash = digest(&SHA256, asset.bytes);
    let hash: String = hash.as_ref().iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    match asset.name.rsplit_once('.') {
        Some((stem, extension)) => format!("/static/{stem}.{hash}.{extension}"),
        None => format!("/static/{}.{hash}", asset.name),
    }
}

/// Where a file of `static/` is served.
pub fn address(name: &str) -> &'static str {
    let mut known = ASSETS.iter().zip(ADDRESSES.iter());
    known.find(|(asset, _)| asset.name == name).map_or("/static/missing", |(_, address)| address)
}

pub async fn file(Path(file): Path<String>) -> Result<Response, Refusal> {
    let asked = format!("/static/{file}");
    let mut known = ASSETS.iter().zip(ADDRESSES.iter());
    let (asset, _) = known.find(|(_, address)| **address == asked).ok_or_else(Refusal::no_page)?;
    let headers = [(CONTENT_TYPE, asset.kind), (CACHE_CONTROL, FOR_EVER)];
    Ok((headers, Bytes::from_static(asset.bytes)).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_that_a_page_names_is_served() {
        for name in ["app.css", "app.js", "favicon.svg"] {
            assert_ne!(address(name), "/static/missing", "{name}");
        }
        assert_eq!(address("nothing"), "/static/missing");
    }
}
