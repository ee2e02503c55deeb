//! A seeded simulator of delm's core and agents, and the kit to property-test coordination with.
//!
//! Refuses a real clock, network, disk or thread: time, words and faults follow from a seed, and everything that is done
//! to a run is a line of a script that can be done again.

pub mod broken;
pub mod disk;
pub mod export;
mod fork;
pub mod judge;
pub mod kit;
pub mod laws;
pub mod marks;
pub mod reference;
pub mod replay;
pub mod rng;
pub mod script;
pub mod seed;
pub mod setup;
pub mod shrink;
pub mod sim;
pub mod truth;
pub mod words;
pub mod world;

pub use broken::{Broken, LAWS};
pub use laws::{Law, Seen, law, reached};
pub use marks::{Mark, Marks};
pub use script::Script;
pub use setup::Setup;
