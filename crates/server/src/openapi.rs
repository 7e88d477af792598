//! The OpenAPI 3.1 document, made of the schemas of the wire types and of the routes.

use schemars::Schema;
use serde_json::{Map, Value, json};

use crate::body::{Accepts, BUNDLE, FEED, TAG};

/// The OpenAPI 3.1 document of this server.
#[must_use]
pub fn openapi() -> Value {
    let mut schemas = Map::new();
    let bundle = component(&mut schemas, adproof_wire::bundle::bundle_schema());
    let lint = component(&mut schemas, adproof_wire::lint::schema());
    let rules = component(&mut schemas, adproof_wire::rules::schema());
    let score = component(&mut schemas, adproof_wire::score::schema());
    schemas.insert("Problem".into(), problem_schema());
    schemas.insert("Health".into(), health_schema());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "adproof",
            "summary": "Lints VAST tags and scores IPv6 indicator feeds.",
            "description": "Each answer is the document that the command line writes with \
                `--output-format json`. Entries of a feed are their publisher's opinion; a score \
                says how an indicator recurs and is no verdict.",
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "paths": {
            "/v1/lint": {"post": {
                "operationId": "lint",
                "summary": "What the rules say of one tag",
                "description": "The body is the tag as it was served, in any encoding. A tag with \
                    findings, or one that cannot be parsed, is a 200: findings are the answer.",
                "parameters": [
                    query("name", "The name of the tag in the answer.", "tag.xml"),
                    query("select", "Only these rules speak: ids, axes, or beginnings of ids \
                        with `*`, divided by commas.", "spec,url-*"),
                    query("ignore", "These rules are silent.", "policy"),
                    {
                        "name": "severity", "in": "query",
                        "description": "Findings less severe than this are left out.",
                        "schema": {"enum": ["error", "warning", "info"]},
                    },
                ],
                "requestBody": request(&TAG),
                "responses": computed(&lint, &[]),
            }},
            "/v1/score": {"post": {
                "operationId": "score",
                "summary": "The blocks of one issue of a feed",
                "description": "The body is one workbook, CSV, JSON lines, STIX, MISP or plain \
                    list. One issue alone ranks nothing; the command line and the page take \
                    several.",
                "parameters": [
                    query("name", "The name of the file. It dates the issue where the content \
                        does not.", "feed-2026-05.xlsx"),
                    query("issue", "The issue that the feed is, where neither its name nor its \
                        content dates it.", "2026-05"),
                ],
                "requestBody": request(&FEED),
                "responses": computed(&score, &[("422", "The body is not a feed that can be read.")]),
            }},
            "/v1/bundle/verify": {"post": bundle_verify(&bundle)},
            "/v1/rules": {"get": {
                "operationId": "rules",
                "summary": "All rules of the linter",
                "responses": {"200": answer(&rules, "The rules, without their pages.")},
            }},
            "/v1/rules/{id}": {"get": {
                "operationId": "rule",
                "summary": "One rule with its page",
                "parameters": [{
                    "name": "id", "in": "path", "required": true,
                    "description": "The id of the rule.", "schema": {"type": "string"},
                }],
                "responses": {
                    "200": answer(&rules, "A list of the one rule."),
                    "404": problem("No rule has this id."),
                },
            }},
            "/v1/ledger/checkpoint": {"get": ledger_checkpoint()},
            "/v1/ledger/tile/{path}": {"get": ledger_tile()},
            "/healthz": {"get": {
                "operationId": "health",
                "summary": "Whether the server answers",
                "responses": {"200": answer("Health", "It does.")},
            }},
            "/metrics": {"get": {
                "operationId": "metrics",
                "summary": "Counters in the Prometheus text format",
                "responses": {"200": {
                    "description": "Requests by route and status, durations, requests in hand.",
                    "content": {"text/plain": {"schema": {"type": "string"}}},
                }},
            }},
            "/openapi.json": {"get": {
                "operationId": "openapi",
                "summary": "This document",
                "responses": {"200": {
                    "description": "This document.",
                    "content": {"application/json": {"schema": {"type": "object"}}},
                }},
            }},
        },
        "components": {"schemas": schemas},
    })
}

fn bundle_verify(schema: &str) -> Value {
    let unread = ("422", "The body is no bundle; `detail` says what it looks like.");
    json!({
        "operationId": "bundleVerify",
        "summary": "Whether a dispute bundle holds",
        "description": "The body is the page or the zip file that `adproof bundle make` wrote; \
            nothing in it is run. A bundle that fails is a 200: that is the answer. Time stamps \
            of RFC 3161 are listed and not judged; the command line does that.",
        "parameters": [
            query("keys", "The log's public keys that you trust, as vkeys divided by commas; \
                without them the bundle's own are used, which shows only that it fits together.",
                "log.example%2B…"),
            query("policy", "A C2SP tlog-policy that the bundle must meet.",
                "witness w …\nquorum w"),
        ],
        "requestBody": request(&BUNDLE),
        "responses": computed(schema, &[unread]),
    })
}

fn ledger_checkpoint() -> Value {
    json!({
        "operationId": "ledgerCheckpoint",
        "summary": "The log's signed checkpoint",
        "description": "A C2SP checkpoint with the cosignatures of its witnesses. There \
            is one where the server was started with `--ledger`.",
        "responses": {
            "200": {
                "description": "A signed note.",
                "content": {"text/plain": {"schema": {"type": "string"}}},
            },
            "404": problem("This server shows no ledger."),
        },
    })
}

fn ledger_tile() -> Value {
    json!({
        "operationId": "ledgerTile",
        "summary": "A tile of the log",
        "description": "Hash tiles and entry bundles as C2SP tlog-tiles has them: \
            `<L>/<N>[.p/<W>]` and `entries/<N>[.p/<W>]`. They never change.",
        "parameters": [{
            "name": "path", "in": "path", "required": true,
            "description": "The path behind `tile/`, with its slashes.",
            "schema": {"type": "string"},
        }],
        "responses": {
            "200": {
                "description": "Hashes of 32 bytes, or records with their lengths.",
                "content": {"application/octet-stream": {}},
            },
            "404": problem("The published checkpoint has no such tile."),
        },
    })
}

/// Puts a schema and what it defines among the components and gives its name there.
fn component(schemas: &mut Map<String, Value>, schema: Schema) -> String {
    let mut root = schema.to_value();
    let name = root.get("title").and_then(Value::as_str).unwrap_or("Document").to_owned();
    let definitions = root.as_object_mut().and_then(|root| {
        root.remove("$schema");
        root.remove("$defs")
    });
    point_to_components(&mut root);
    schemas.insert(name.clone(), root);
    if let Some(Value::Object(definitions)) = definitions {
        for (name, mut definition) in definitions {
            point_to_components(&mut definition);
            schemas.insert(name, definition);
        }
    }
    name
}

fn point_to_components(value: &mut Value) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                if key == "$ref"
                    && let Some(name) = value.as_str().and_then(|to| to.strip_prefix("#/$defs/"))
                {
                    *value = Value::String(format!("#/components/schemas/{name}"));
                } else {
                    point_to_components(value);
                }
            }
        }
        Value::Array(array) => array.iter_mut().for_each(point_to_components),
        _ => {}
    }
}

fn query(name: &str, description: &str, example: &str) -> Value {
    json!({
        "name": name, "in": "query", "description": description,
        "schema": {"type": "string"}, "example": example,
    })
}

fn request(accepts: &Accepts) -> Value {
    let content: Map<String, Value> =
        accepts.types.iter().map(|of| ((*of).to_owned(), json!({}))).collect();
    json!({"required": true, "content": content})
}

fn answer(schema: &str, description: &str) -> Value {
    json!({
        "description": description,
        "content": {"application/json": {"schema": reference(schema)}},
    })
}

fn problem(description: &str) -> Value {
    json!({
        "description": description,
        "content": {"application/problem+json": {"schema": reference("Problem")}},
    })
}

fn reference(schema: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{schema}")})
}

/// What a route answers that reads a body and computes.
fn computed(schema: &str, more: &[(&str, &str)]) -> Value {
    let mut responses = Map::new();
    responses.insert("200".into(), answer(schema, "The document."));
    let common = [
        ("400", "The query or the body is malformed, or the body is empty."),
        ("408", "The body did not arrive in time."),
        ("413", "The body is larger than this server takes."),
        ("415", "The media type or the content coding of the body is not one of those above."),
        ("503", "The server is busy, or the answer was not ready in time."),
    ];
    for (status, description) in common.iter().chain(more) {
        responses.insert((*status).to_owned(), problem(description));
    }
    Value::Object(responses)
}

fn problem_schema() -> Value {
    json!({
        "title": "Problem",
        "description": "Problem details of RFC 9457.",
        "type": "object",
        "properties": {
            "type": {"const": "about:blank"},
            "title": {"type": "string", "description": "The phrase of the status."},
            "status": {"type": "integer", "description": "The status of the response."},
            "detail": {"type": "string", "description": "What is wrong with this request."},
            "code": {"type": "string", "description": "What kind of problem it is, for programs."},
        },
        "required": ["type", "title", "status", "detail", "code"],
        "additionalProperties": false,
    })
}

fn health_schema() -> Value {
    json!({
        "title": "Health",
        "type": "object",
        "properties": {
            "status": {"const": "ok"},
            "version": {"type": "string"},
        },
        "required": ["status", "version"],
        "additionalProperties": false,
    })
}
