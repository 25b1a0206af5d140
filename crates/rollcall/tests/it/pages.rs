//! The pages, over real HTTP.

mod accounts;
mod browser;
mod chromium;
mod connectors;
mod editor;
mod frame;
mod hostile;
mod matrix;
mod people;
mod signing_in;
mod site;
mod window;
mod words;
mod world;
