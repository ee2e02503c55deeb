//! The tests of the whole, one module a topic, in one binary.
//!
//! Refuses a test outside of `#[cfg(test)]`: what is in there may unwrap.

#[cfg(test)]
mod cases;
#[cfg(test)]
mod corpus;
#[cfg(test)]
mod crowd;
#[cfg(test)]
mod damage;
#[cfg(test)]
mod disk;
#[cfg(test)]
mod forks;
#[cfg(test)]
mod input;
#[cfg(test)]
mod kill;
#[cfg(test)]
mod kit;
#[cfg(test)]
mod models;
#[cfg(test)]
mod power;
#[cfg(test)]
mod python;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod signals;
#[cfg(test)]
mod syscalls;
#[cfg(test)]
mod tamper;
#[cfg(test)]
mod tidy;
