//! The canonical bytes of one event: bytes that decode are the only spelling of what they mean.

use barkeep_schemas::Event;

pub fn run(data: &[u8]) {
    let Ok(event) = Event::decode(data) else { return };
    let mut encoded = Vec::new();
    event.encode(&mut encoded);
    assert_eq!(encoded, data, "{event:?}");
    assert_eq!(Event::decode(&encoded).as_ref(), Ok(&event));
    let _ = (format!("{event:?}"), event.ts(), event.instrument());
}
