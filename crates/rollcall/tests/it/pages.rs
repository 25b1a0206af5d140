//! The pages, over real HTTP.

mod browser;
mod chromium;
mod frame;
mod signing_in;
mod site;
mod window;
mod world;
