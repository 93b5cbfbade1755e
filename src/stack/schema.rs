//! The JSON Schema of a stack, by which editors complete one: generated from the types, and kept beside the stacks.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::borrow::Cow;
use std::marker::PhantomData;

use bootstrap_fetch::platform::Platform;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

/// Files by their platforms.
pub(super) struct ByPlatform<T>(PhantomData<T>);

/// 64 hexadecimal digits, or null.
pub(super) struct Sum;

/// `sha256:` and 64 hexadecimal digits, or null.
pub(super) struct Digest;

impl<T: JsonSchema> JsonSchema for ByPlatform<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("{}ByPlatform", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let file = generator.subschema_for::<T>();
        let properties: serde_json::Map<String, serde_json::Value> =
            Platform::ALL.iter().map(|platform| (platform.to_string(), file.clone().to_value())).collect();
        json_schema!({"type": "object", "properties": properties, "additionalProperties": false})
    }
}

impl JsonSchema for Sum {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Sum".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": ["string", "null"], "pattern": "^[0-9a-f]{64}$"})
    }
}

impl JsonSchema for Digest {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Digest".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": ["string", "null"], "pattern": "^sha256:[0-9a-f]{64}$"})
    }
}

/// The schema is what the types say. `UPDATE_SCHEMA=1 cargo test the_schema_is_that_of_the_types` writes it.
#[test]
fn the_schema_is_that_of_the_types() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/stacks/stack.schema.json");
    let schema = serde_json::to_string_pretty(&schemars::schema_for!(super::File)).unwrap() + "\n";
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        fs_err::write(path, &schema).unwrap();
    }
    let kept = fs_err::read_to_string(path).unwrap_or_default();
    assert!(
        kept == schema,
        "stacks/stack.schema.json is another one: UPDATE_SCHEMA=1 cargo test the_schema_is_that_of_the_types"
    );
}
