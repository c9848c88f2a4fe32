//! A plugin of buf and protoc that writes Rust: messages by prost, services by tonic, one file for each proto package.

use std::error::Error;
use std::io::{Read, Write, stdin, stdout};

use prost::Message;
use prost_build::{Config, Module};
use prost_types::compiler::code_generator_response::{Feature, File};
use prost_types::compiler::{CodeGeneratorRequest, CodeGeneratorResponse};

fn main() -> Result<(), Box<dyn Error>> {
    let mut input = Vec::new();
    stdin().read_to_end(&mut input)?;
    let request = CodeGeneratorRequest::decode(input.as_slice())?;
    stdout().write_all(&generate(request)?.encode_to_vec())?;
    Ok(())
}

fn generate(request: CodeGeneratorRequest) -> std::io::Result<CodeGeneratorResponse> {
    let protos = request.proto_file.into_iter();
    let modules = protos.map(|proto| (Module::from_protobuf_package_name(proto.package()), proto)).collect();
    // Without `connect`: a channel opened by it would have neither deadlines nor retries.
    let services =
        tonic_prost_build::configure().build_transport(false).generate_default_stubs(true).service_generator();
    let sources = Config::new().service_generator(services).generate(modules)?;
    let files = sources.into_iter().map(|(module, source)| File {
        name: Some(module.to_file_name_or("lib")),
        content: Some(source),
        ..File::default()
    });
    Ok(CodeGeneratorResponse {
        file: files.collect(),
        supported_features: Some(Feature::Proto3Optional as u64),
        ..CodeGeneratorResponse::default()
    })
}
