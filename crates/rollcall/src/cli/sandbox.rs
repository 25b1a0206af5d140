//! `rollcall sandbox`: a made-up identity provider to try things with.

use std::net::SocketAddr;
use std::time::Duration;

use sandbox::onelogin::{self, BANNER, Data, Options, Population, Quirks, Tenant};
use serde::Serialize;

use crate::cli::exit::{CliError, Exit};
use crate::cli::output::Output;
use crate::cli::serve::{self, StopSignals};

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Run a OneLogin with made-up people
    Onelogin(Args),
}

#[derive(Debug, clap::Args)]
pub struct Args {
    /// How many people
    #[arg(long, value_name = "N", default_value_t = 250,
          value_parser = clap::value_parser!(u32).range(..=USERS_MAX))]
    users: u32,
    /// How many roles
    #[arg(long, value_name = "N", default_value_t = 12)]
    roles: u32,
    /// How many OneLogin groups
    #[arg(long, value_name = "N", default_value_t = 6)]
    groups: u32,
    /// How many roles a person has, on average
    #[arg(long, value_name = "N", default_value_t = 2)]
    roles_per_user: u32,
    /// Added to every call: 50ms, 1s
    #[arg(long, value_name = "TIME", default_value = "0ms", value_parser = latency_of)]
    latency: Duration,
    /// How many of 100 good requests fail in a way that a second try cures
    #[arg(long, value_name = "PERCENT", default_value_t = 0,
          value_parser = clap::value_parser!(u8).range(..=100))]
    chaos: u8,
    /// The same seed makes the same people, credential and failures
    #[arg(long, value_name = "N", default_value_t = 7)]
    seed: u64,
    /// Nobody with odd values: no blanks, no accents, no missing e-mail
    #[arg(long)]
    clean: bool,
    /// A loopback address; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8800", value_parser = address_of)]
    listen: SocketAddr,
}

#[derive(Serialize)]
struct Answer {
    listening: String,
    client_id: String,
    client_secret: String,
    users: u32,
    roles: u32,
    groups: u32,
}

const USERS_MAX: i64 = 5_000_000;

pub async fn run(command: Command, output: Output) -> Result<(), CliError> {
    let Command::Onelogin(args) = command;
    let tenant = Tenant::generate(&Population {
        users: args.users,
        roles: args.roles,
        groups: args.groups,
        roles_per_user: args.roles_per_user,
        seed: args.seed,
        data: if args.clean { Data::Clean } else { Data::Odd },
    });
    let options = Options {
        listen: args.listen,
        latency: args.latency,
        chaos_percent: args.chaos,
        seed: args.seed,
        quirks: Quirks::default(),
    };
    let sandbox = onelogin::start(tenant, options).await.map_err(|error| {
        let why = serve::why_not_listening(&error);
        let listen = args.listen;
        CliError::new(
            Exit::Failed,
            format!("Cannot listen at {listen}: {why}. Choose another address with --listen."),
        )
    })?;
    let answer = Answer {
        listening: sandbox.base_url(),
        client_id: sandbox.client_id().to_owned(),
        client_secret: sandbox.client_secret().to_owned(),
        users: args.users,
        roles: args.roles,
        groups: args.groups,
    };
    let mut signals = StopSignals::listen()?;
    output.answer(&answer, text);
    signals.asked().await;
    sandbox.stop().await;
    Ok(())
}

fn text(answer: &Answer) -> String {
    format!(
        "{BANNER}\n\n\
         Base URL       {listening}\n\
         Client ID      {id}\n\
         Client secret  {secret}\n\
         People         {users}, {roles} roles, {groups} groups\n\n\
         Try it from another terminal:\n\
         \x20 echo {secret} | rollcall connector create sandbox --base-url {listening} \\\n\
         \x20     --client-id {id} --client-secret-file - --allow-loopback\n\
         Ctrl-C ends it.",
        listening = answer.listening,
        id = answer.client_id,
        secret = answer.client_secret,
        users = answer.users,
        roles = answer.roles,
        groups = answer.groups,
    )
}

/// `50ms`, `0.5s`, `2s`.
fn latency_of(typed: &str) -> Result<Duration, String> {
    const LATENCY_MAX: Duration = Duration::from_mins(1);
    let refused = || format!("`{typed}` is no time up to a minute; write 50ms or 1s");
    let (number, unit) = match (typed.strip_suffix("ms"), typed.strip_suffix('s')) {
        (Some(number), _) => (number, 0.001),
        (None, Some(number)) => (number, 1.0),
        (None, None) => return Err(refused()),
    };
    let seconds = number.trim().parse::<f64>().map_err(|_| refused())? * unit;
    let latency = Duration::try_from_secs_f64(seconds).map_err(|_| refused())?;
    if LATENCY_MAX < latency {
        return Err(refused());
    }
    Ok(latency)
}

fn address_of(typed: &str) -> Result<SocketAddr, String> {
    typed.parse().map_err(|_| format!("`{typed}` is no address; write 127.0.0.1:8800"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latency_is_read_with_its_unit() {
        assert_eq!(latency_of("50ms"), Ok(Duration::from_millis(50)));
        assert_eq!(latency_of("0.5s"), Ok(Duration::from_millis(500)));
        for typed in ["50", "ms", "-1s", "NaNs", "1h", "61s", "1e300s"] {
            assert!(latency_of(typed).is_err(), "{typed}");
        }
    }
}
