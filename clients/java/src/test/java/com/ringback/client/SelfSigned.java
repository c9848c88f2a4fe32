package com.ringback.client;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.util.Base64;
import javax.net.ssl.KeyManager;
import javax.net.ssl.KeyManagerFactory;

/**
 * A new self-signed certificate for localhost.
 *
 * @param keyManagers what a server needs
 * @param certificate a PEM file, what a client needs
 */
record SelfSigned(KeyManager[] keyManagers, Path certificate) {
  private static final String PASSWORD = "password";

  /** Makes one by the JDK's own tool, in this folder. */
  static SelfSigned forLocalhost(Path folder)
      throws GeneralSecurityException, InterruptedException, IOException {
    Path store = folder.resolve("server.p12");
    Process keytool =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "keytool").toString(),
                "-genkeypair",
                "-keyalg",
                "EC",
                "-dname",
                "CN=localhost",
                "-ext",
                "san=dns:localhost",
                "-keystore",
                store.toString(),
                "-storepass",
                PASSWORD)
            .inheritIO()
            .start();
    if (keytool.waitFor() != 0) {
      throw new IOException("keytool has failed");
    }

    KeyStore keys = KeyStore.getInstance(store.toFile(), PASSWORD.toCharArray());
    KeyManagerFactory factory =
        KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
    factory.init(keys, PASSWORD.toCharArray());
    String base64 =
        Base64.getMimeEncoder().encodeToString(keys.getCertificate("mykey").getEncoded());
    Path pem = folder.resolve("server.pem");
    Files.writeString(
        pem, "-----BEGIN CERTIFICATE-----\n" + base64 + "\n-----END CERTIFICATE-----\n");
    return new SelfSigned(factory.getKeyManagers(), pem);
  }
}
