// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sends bytes through TLS of the kernel on a loopback connection, once with each cipher that
 * openssl's programs ask for, and compares what arrives. Prints "ok CIPHER" or why not; ends with
 * the number of ciphers that failed. The keys are zero: what is looked at is that the kernel finds
 * the cipher.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/tls.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SOL_TLS 282
#define SIZE	20000

struct cipher {
	const char *name;
	uint16_t number;
	uint16_t version;
	socklen_t size;
};

static const struct cipher ciphers[] = {
	{"AES-GCM-128", TLS_CIPHER_AES_GCM_128, TLS_1_2_VERSION,
	 sizeof(struct tls12_crypto_info_aes_gcm_128)},
	{"AES-GCM-256", TLS_CIPHER_AES_GCM_256, TLS_1_3_VERSION,
	 sizeof(struct tls12_crypto_info_aes_gcm_256)},
	{"AES-CCM-128", TLS_CIPHER_AES_CCM_128, TLS_1_3_VERSION,
	 sizeof(struct tls12_crypto_info_aes_ccm_128)},
	{"CHACHA20-POLY1305", TLS_CIPHER_CHACHA20_POLY1305, TLS_1_3_VERSION,
	 sizeof(struct tls12_crypto_info_chacha20_poly1305)},
};

/* Two ends of one connection; false with the reason in errno. */
static int connect_both(int ends[2])
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t size = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ends[0] = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 1) ||
	    getsockname(listener, (struct sockaddr *)&address, &size) ||
	    connect(ends[0], (struct sockaddr *)&address, size))
		return 0;
	ends[1] = accept(listener, NULL, NULL);
	close(listener);
	return ends[1] >= 0;
}

static const char *give_keys(const struct cipher *cipher, const int ends[2])
{
	union {
		struct tls_crypto_info head;
		char bytes[sizeof(struct tls12_crypto_info_aes_gcm_256) + 32];
	} info = {.bytes = {0}};

	info.head.version = cipher->version;
	info.head.cipher_type = cipher->number;
	for (int i = 0; i < 2; i++)
		if (setsockopt(ends[i], SOL_TCP, TCP_ULP, "tls", sizeof("tls")))
			return "TCP_ULP";
	if (setsockopt(ends[0], SOL_TLS, TLS_TX, &info, cipher->size))
		return "TLS_TX";
	if (setsockopt(ends[1], SOL_TLS, TLS_RX, &info, cipher->size))
		return "TLS_RX";
	return NULL;
}

/* What failed, or NULL. */
static const char *try(const struct cipher *cipher)
{
	static char sent[SIZE], got[SIZE];
	size_t have = 0;
	const char *failed;
	int ends[2];

	for (size_t i = 0; i < SIZE; i++)
		sent[i] = (char)(i * 7);
	if (!connect_both(ends))
		return "connect";
	failed = give_keys(cipher, ends);
	if (!failed && send(ends[0], sent, SIZE, 0) != SIZE)
		failed = "send";
	while (!failed && have < SIZE) {
		ssize_t n = recv(ends[1], got + have, SIZE - have, 0);

		if (n <= 0)
			failed = "recv";
		else
			have += (size_t)n;
	}
	if (!failed && memcmp(sent, got, SIZE))
		failed = "memcmp";
	close(ends[0]);
	close(ends[1]);
	return failed;
}

int main(void)
{
	int failures = 0;

	for (size_t i = 0; i < sizeof(ciphers) / sizeof(ciphers[0]); i++) {
		const char *failed = try(&ciphers[i]);

		if (failed)
			printf("%s: %s: %s\n", ciphers[i].name, failed, strerror(errno));
		else
			printf("ok %s\n", ciphers[i].name);
		failures += failed != NULL;
	}
	return failures;
}
