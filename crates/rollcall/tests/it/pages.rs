//! The pages, over real HTTP.

mod browser;
mod signing_in;
