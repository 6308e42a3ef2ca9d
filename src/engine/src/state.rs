//! Canonical bytes of the engine's own state, for snapshots: fields in order, the same codec as the events.

/// Writes and reads a struct's fields in order.
macro_rules! wire_fields {
    ($name:ident { $($field:ident),* $(,)? }) => {
        impl barkeep_schemas::Wire for $name {
            fn put(&self, out: &mut alloc::vec::Vec<u8>) {
                $(barkeep_schemas::Wire::put(&self.$field, out);)*
            }
            fn take(input: &mut &[u8]) -> Result<Self, barkeep_schemas::DecodeError> {
                Ok(Self { $($field: barkeep_schemas::Wire::take(input)?,)* })
            }
        }
    };
}
pub(crate) use wire_fields;
