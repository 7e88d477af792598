use std::collections::BTreeSet;

use axum::http::Method;
use serde_json::Value;

use crate::common::{app, ask, dataset, get, post};

fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                match value.as_str() {
                    Some(target) if key == "$ref" => {
                        found.insert(target.to_owned());
                    }
                    _ => references(value, found),
                }
            }
        }
        Value::Array(array) => array.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_component_is_used() {
    let document = adproof_server::openapi();
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    for target in &found {
        let pointer = target.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{target}");
    }
    for name in document["components"]["schemas"].as_object().unwrap().keys() {
        assert!(found.contains(&format!("#/components/schemas/{name}")), "{name}");
    }
}

/// Two documents may not mean different things by one name.
#[test]
fn components_are_the_definitions_of_the_wire_types() {
    let document = adproof_server::openapi();
    for (_, schema) in adproof_wire::schemas() {
        let schema = schema.to_value();
        let title = schema["title"].as_str().unwrap();
        if !["LintV1", "RulesV1", "ScoreV1"].contains(&title) {
            continue;
        }
        for (name, definition) in schema["$defs"].as_object().unwrap() {
            let text = definition.to_string().replace("#/$defs/", "#/components/schemas/");
            assert_eq!(document["components"]["schemas"][name].to_string(), text, "{name}");
        }
    }
}

#[tokio::test]
async fn every_path_and_method_of_the_document_is_served() {
    let document = get(&app(), "/openapi.json").await.json();
    assert_eq!(document, adproof_server::openapi());
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let answer = ask(&app(), method, &path.replace("{id}", "x"), "", Vec::new()).await;
            let documented = &operation["responses"];
            assert!(documented.get(answer.status.as_str()).is_some(), "{path} {}", answer.status);
        }
    }
}

#[tokio::test]
async fn answers_are_what_the_document_says() {
    let document = adproof_server::openapi();
    let feed = dataset("ioc-ipv6-2026-W20.xlsx");
    let answers = [
        ("LintV1", post(&app(), "/v1/lint", "", dataset("tags/creative-broken.xml")).await),
        ("ScoreV1", post(&app(), "/v1/score?name=ioc-ipv6-2026-W20.xlsx", "", feed).await),
        ("RulesV1", get(&app(), "/v1/rules").await),
        ("Health", get(&app(), "/healthz").await),
    ];
    for (name, answer) in answers {
        let mut schema = document["components"]["schemas"][name].clone();
        // A schema is validated with the components that it points to.
        schema["components"] = document["components"].clone();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let value = answer.json();
        let faults: Vec<String> =
            validator.iter_errors(&value).map(|error| error.to_string()).collect();
        assert!(faults.is_empty(), "{name}: {faults:?}");
    }
}
