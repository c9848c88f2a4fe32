/**
 * What a client of Ringback needs besides the stubs in {@code com.ringback.v1}: {@link
 * com.ringback.client.RingbackChannel} opens a channel, {@link com.ringback.client.Callbacks}
 * creates and watches callbacks over outages of the server, and {@link
 * com.ringback.client.RingbackErrors} says why a call failed.
 */
package com.ringback.client;
