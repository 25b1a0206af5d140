//! What the pages know of the place where they are served.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::store::Db;
use crate::store::sessions::{self, Purpose, SessionError};
use crate::web::address::{Arrival, Network};
use crate::web::command;
use crate::web::throttle::Throttle;

#[derive(Debug)]
pub struct Site {
    /// `https://rollcall.example.com`, as browsers see the service; none where nobody said.
    pub public_url: Option<String>,
    /// Whose word on the address of a client is believed.
    pub trusted_proxies: Vec<Network>,
    pub set_up: SetUpCodes,
    /// How a command begins that works with the same data: `rollcall`, and flags where it takes any.
    pub command: String,
    /// How often somebody may try to sign in.
    pub throttle: Throttle,
}

impl Site {
    /// As it is where nothing was said: browsers come directly.
    pub fn direct() -> Site {
        Site {
            public_url: None,
            trusted_proxies: Vec::new(),
            set_up: SetUpCodes::to(|_code| {}),
            command: command::PLAIN.to_owned(),
            throttle: Throttle::default(),
        }
    }
}

impl Site {
    /// The address before every link that is handed to somebody.
    pub fn base_url(&self, arrival: &Arrival) -> String {
        match &self.public_url {
            Some(url) => url.clone(),
            None => {
                let scheme = if arrival.is_https { "https" } else { "http" };
                format!("{scheme}://{}", arrival.host)
            }
        }
    }
}

/// Where the codes are printed that make the first admin.
#[derive(Clone)]
pub struct SetUpCodes(Arc<dyn Fn(&str) + Send + Sync>);

const SET_UP_CODE_AGE: SignedDuration = SignedDuration::from_mins(30);

impl SetUpCodes {
    pub fn to(print: impl Fn(&str) + Send + Sync + 'static) -> SetUpCodes {
        SetUpCodes(Arc::new(print))
    }

    /// Makes a code, which takes the place of any before, and prints it.
    pub async fn print_new(&self, db: &Db, now: Timestamp) -> Result<(), SessionError> {
        let expires_at = now.checked_add(SET_UP_CODE_AGE).unwrap_or(Timestamp::MAX);
        let code = sessions::new_code(db, Purpose::SetUp, None, expires_at).await?;
        (self.0)(code.expose());
        Ok(())
    }
}

impl std::fmt::Debug for SetUpCodes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SetUpCodes")
    }
}
