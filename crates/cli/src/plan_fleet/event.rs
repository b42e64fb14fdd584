//! One event of a CloudTrail export, read from a stream: nothing of an export is held but the event at hand.
use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize,
    de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

/// What is read of an event; all of it is text of unknown origin.
#[derive(Debug, Default)]
pub(super) struct Event {
    pub(super) id: String,
    pub(super) source: String,
    pub(super) name: String,
    pub(super) time: String,
    pub(super) address: String,
    pub(super) error: Option<String>,
    pub(super) identity: Option<Identity>,
    pub(super) parameters: Option<Parameters>,
    pub(super) resources: Option<Vec<Resource>>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Identity {
    pub(super) arn: Option<String>,
    #[serde(rename = "invokedBy")]
    pub(super) invoked_by: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Parameters {
    pub(super) key_id: Option<String>,
    pub(super) encryption_context: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Resource {
    #[serde(rename = "ARN")]
    pub(super) arn: Option<String>,
}

/// Gives each event of a value to a function: of an event, or of an object with a list `Records` of them.
pub(super) struct Events<'f>(pub(super) &'f mut dyn FnMut(Event));

impl<'de> DeserializeSeed<'de> for Events<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Events<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event of CloudTrail, or an object with a list of them, Records")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut event = Event::default();
        while let Some(name) = map.next_key::<String>()? {
            match name.as_str() {
                "Records" => map.next_value_seed(List(&mut *self.0))?,
                "eventID" => event.id = map.next_value::<Option<_>>()?.unwrap_or_default(),
                "eventSource" => event.source = map.next_value::<Option<_>>()?.unwrap_or_default(),
                "eventName" => event.name = map.next_value::<Option<_>>()?.unwrap_or_default(),
                "eventTime" => event.time = map.next_value::<Option<_>>()?.unwrap_or_default(),
                "sourceIPAddress" => event.address = map.next_value::<Option<_>>()?.unwrap_or_default(),
                "errorCode" => event.error = map.next_value()?,
                // What other services say there has other shapes.
                "userIdentity" => event.identity = lenient(map.next_value()?),
                "requestParameters" => event.parameters = lenient(map.next_value()?),
                "resources" => event.resources = lenient(map.next_value()?),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        (self.0)(event);
        Ok(())
    }
}

fn lenient<T: for<'de> Deserialize<'de>>(value: serde_json::Value) -> Option<T> {
    serde_json::from_value(value).ok()
}

/// A list of events.
struct List<'f>(&'f mut dyn FnMut(Event));

impl<'de> DeserializeSeed<'de> for List<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for List<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of events of CloudTrail")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(Events(&mut *self.0))?.is_some() {}
        Ok(())
    }
}
