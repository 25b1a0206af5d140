//! The client secret, from wherever it is given.

use std::io::{self, Read as _};
use std::path::Path;

use crate::cli::context::Context;
use crate::cli::exit::CliError;
use crate::config;
use crate::secret::Secret;

/// The client secret from the file, from standard input (`-`) or from the environment.
pub(super) fn client_secret_of(
    file: Option<&Path>,
    context: &Context,
) -> Result<Option<Secret>, CliError> {
    let secret = match file {
        Some(file) if file == Path::new("-") => secret_of_stdin()?,
        Some(file) => {
            config::secret_of_file(file).map_err(|error| CliError::usage(error.to_string()))?
        }
        None => match context.environment.secret(config::CLIENT_SECRET) {
            Some(secret) => secret.clone(),
            None => return Ok(None),
        },
    };
    if secret.expose().trim().is_empty() {
        return Err(CliError::usage(
            "The Client Secret is empty. Copy it from OneLogin: DEVELOPERS > API Credentials.",
        ));
    }
    Ok(Some(secret))
}

fn secret_of_stdin() -> Result<Secret, CliError> {
    const BYTES_MAX: u64 = 64 * 1024;
    let mut text = String::new();
    io::stdin().lock().take(BYTES_MAX).read_to_string(&mut text).map_err(|error| {
        CliError::usage(format!("The client secret cannot be read from standard input: {error}."))
    })?;
    let text = Secret::new(text);
    Ok(Secret::new(text.expose().trim().to_owned()))
}
