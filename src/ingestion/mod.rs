//! What comes in from outside: files today, the broker's feed later. It names schemas and storage, never the engine.

pub mod files;
