package com.ringback.client;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class ReadmeTest {
  @Test
  void showsCodeThatCompiles() throws Exception {
    String file = Files.readString(Path.of("src/test/java/com/ringback/example/Quickstart.java"));
    String withoutImports = file.substring(file.indexOf("final class"));
    String readme = Files.readString(Path.of("README.md"));
    assertTrue(readme.contains("```java\n" + withoutImports + "```\n"));
  }
}
