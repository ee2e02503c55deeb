//! The run as an export stream, and those who audit it as strangers do: from its lines alone.
//!
//! Refuses a run that does not read back; what the stream says is checked by readers that share nothing with the simulator.

use delm_core::entry::Sealed;
use delm_log::Found;
use delm_wire::export::{Stored, write};

use crate::broken::Broken;
use crate::world::World;

/// Writes the run as an export stream.
///
/// # Errors
/// [`Broken`] when the durable log does not hang together.
pub fn export(world: &World) -> Result<String, Broken> {
    let failed = |error: String| Broken::new("I-14", format!("the run cannot be exported: {error}"));
    let entries: Vec<Sealed> = world.entries()?;
    let own = entries.iter().find(|sealed| sealed.id == world.run);
    let Some(first) = own.cloned() else { return Err(failed("it has no entry".into())) };
    let mut out = String::new();
    let log = world.disk.whole();
    let blob = |hash: &delm_core::ids::Digest| match log.blob(&world.run, hash) {
        Ok(Found::Present(bytes)) => Ok(Some(Stored { len: bytes.len() as u64, bytes: Some(bytes) })),
        Ok(Found::Redacted { len }) => Ok(Some(Stored { len, bytes: None })),
        Ok(Found::Unknown) => Ok(None),
        Err(error) => Err(error.to_string()),
    };
    write(&first, entries.into_iter().map(Ok::<_, String>), blob, |line| {
        out.push_str(line);
        Ok(())
    })
    .map_err(|error| failed(error.to_string()))?;
    Ok(out)
}

/// Lets the auditors over the run's export.
///
/// # Errors
/// [`Broken`] as they name it.
pub fn audited(world: &World) -> Result<(), Broken> {
    let report = delm_oracle::audit(export(world)?.as_bytes())
        .map_err(|error| Broken::new("I-34", format!("the export cannot be read: {error}")))?;
    if let Some(finding) = report.findings.first() {
        return Err(Broken::new(&finding.invariant.to_string(), format!("the oracle finds: {finding}")));
    }
    match report.fault {
        Some(fault) => {
            let law = fault.invariant().map_or_else(|| String::from("I-39"), |law| law.to_string());
            Err(Broken::new(&law, format!("the oracle cannot read the export: {fault}")))
        }
        None => Ok(()),
    }
}
