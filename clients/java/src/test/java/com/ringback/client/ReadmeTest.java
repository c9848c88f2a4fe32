package com.ringback.client;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ReadmeTest {
  @ParameterizedTest
  @ValueSource(strings = {"Quickstart", "Secured"})
  void showsCodeThatCompiles(String name) throws Exception {
    Path example = Path.of("src/test/java/com/ringback/example", name + ".java");
    String file = Files.readString(example);
    String withoutImports = file.substring(file.indexOf("final class"));
    String readme = Files.readString(Path.of("README.md"));
    assertTrue(readme.contains("```java\n" + withoutImports + "```\n"));
  }
}
