//! `rollcall init`: makes the data directory, the key and the database.

use serde::Serialize;

use crate::cli::context::{Context, Setup};
use crate::cli::exit::CliError;
use crate::cli::output;
use crate::config::Database;
use crate::seal::KeySource;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Make a new key where the old one is lost; each connector then needs its secret again
    #[arg(long)]
    replace_lost_key: bool,
}

#[derive(Serialize)]
struct Answer {
    data_dir: String,
    database: String,
    key: String,
}

pub async fn run(args: &Args, setup: Setup) -> Result<(), CliError> {
    let context = if args.replace_lost_key {
        Context::open_without_key(setup).await?
    } else {
        Context::open_or_create(setup).await?
    };
    let answer = Answer {
        data_dir: context.config.data_dir.display().to_string(),
        database: match &context.config.database {
            Database::Sqlite(file) => file.display().to_string(),
            Database::Postgres(_) => "PostgreSQL".to_owned(),
        },
        key: match &context.config.key {
            KeySource::File(path) | KeySource::DataDirectory(path) => path.display().to_string(),
            KeySource::Given(_) => "ROLLCALL_KEY".to_owned(),
        },
    };
    context.output.answer(&answer, text);
    context.close().await;
    Ok(())
}

fn text(answer: &Answer) -> String {
    let facts = output::facts(&[
        ("Data directory", answer.data_dir.clone()),
        ("Database", answer.database.clone()),
        ("Key", answer.key.clone()),
    ]);
    format!(
        "{facts}\n\n\
         Keep a copy of the key apart from backups of the database: \
         without it the stored secrets cannot be opened.\n\
         Next: rollcall connector create NAME --provider onelogin --base-url us|eu|SUBDOMAIN|URL \\\n\
         \x20     --client-id ID --client-secret-file FILE"
    )
}
