//! What runs with one credential share inside this process: the token, names and page sizes.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ring::digest;

use super::names::Names;
use super::settings::Settings;
use crate::secret::Secret;

/// How many credentials are remembered; the oldest makes room.
const SHARED_MAX: usize = 64;

/// A size that was learned on a bad day is not kept for ever.
const PAGE_SIZE_AGE_MAX: Duration = Duration::from_hours(24);

/// Everything that outlives a run. Nobody else's: the key holds a digest of the secret, so that
/// a wrong secret never rides on a token that a right one got.
#[derive(Default)]
pub(super) struct Shared {
    pub(super) token: tokio::sync::Mutex<Option<Token>>,
    names: Mutex<BTreeMap<&'static str, (Instant, Arc<Names>)>>,
    page_sizes: Mutex<BTreeMap<&'static str, (Instant, usize)>>,
}

/// A bearer token and until when it is good.
#[derive(Clone)]
pub(super) struct Token {
    pub(super) text: Secret,
    pub(super) good_until: Instant,
    /// Which renewal made it, to tell whether somebody else has renewed meanwhile.
    pub(super) generation: u64,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

type Key = (String, String, Vec<u8>);
type Credentials = Vec<(Key, Arc<Shared>)>;

pub(super) fn shared(settings: &Settings, secret: &Secret) -> Arc<Shared> {
    static ALL: LazyLock<Mutex<Credentials>> = LazyLock::new(Mutex::default);
    let digest = digest::digest(&digest::SHA256, secret.expose().as_bytes());
    let key = (settings.base_url.clone(), settings.client_id.clone(), digest.as_ref().to_vec());
    let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, found)) = all.iter().find(|(it, _)| *it == key) {
        return found.clone();
    }
    if SHARED_MAX <= all.len() {
        all.remove(0);
    }
    let new = Arc::new(Shared::default());
    all.push((key, new.clone()));
    new
}

impl Shared {
    /// The names, unless they are older than `age_max`.
    pub(super) fn names(&self, list: &'static str, age_max: Duration) -> Option<Arc<Names>> {
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let (read_at, names) = names.get(list)?;
        (read_at.elapsed() < age_max).then(|| names.clone())
    }

    pub(super) fn remember_names(&self, list: &'static str, names: Arc<Names>) {
        let mut all = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(list, (Instant::now(), names));
    }

    /// The page size that worked for this list, if one was found out.
    pub(super) fn page_size(&self, list: &'static str) -> Option<usize> {
        let sizes = self.page_sizes.lock().unwrap_or_else(PoisonError::into_inner);
        let (learned_at, size) = sizes.get(list)?;
        (learned_at.elapsed() < PAGE_SIZE_AGE_MAX).then_some(*size)
    }

    pub(super) fn remember_page_size(&self, list: &'static str, size: Option<usize>) {
        let mut sizes = self.page_sizes.lock().unwrap_or_else(PoisonError::into_inner);
        match size {
            Some(size) => sizes.insert(list, (Instant::now(), size)),
            None => sizes.remove(list),
        };
    }
}
