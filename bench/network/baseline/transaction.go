package main

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/cometbft/cometbft/crypto/ed25519"
)

// A transaction is its sender's public key, the signature over the payload, and the payload. The
// payload begins with a number that makes every transaction another one.
const (
	keySize       = ed25519.PubKeySize
	signatureSize = ed25519.SignatureSize
	numberSize    = 8
	smallest      = keySize + signatureSize + numberSize
)

// hash is what a transaction's record stands under.
type hash = [sha256.Size]byte

// signed says whether the sender signed the transaction.
func signed(tx []byte) bool {
	if len(tx) < smallest {
		return false
	}
	key := ed25519.PubKey(tx[:keySize])
	return key.VerifySignature(payload(tx), tx[keySize:keySize+signatureSize])
}

func payload(tx []byte) []byte { return tx[keySize+signatureSize:] }

// A maker makes signed transactions from a seed.
type maker struct {
	seed    string
	senders []ed25519.PrivKey
	made    uint64
}

func newMaker(seed string, senders int) *maker {
	made := &maker{seed: seed}
	for n := 0; n < senders; n++ {
		secret := []byte(fmt.Sprintf("%s sender %d", seed, n))
		made.senders = append(made.senders, ed25519.GenPrivKeyFromSecret(secret))
	}
	return made
}

// next makes a transaction of at least `least` and at most `most` bytes.
func (m *maker) next(least, most int) []byte {
	chosen := binary.BigEndian.Uint64(m.bytes("size", 8))
	size := least + int(chosen%uint64(most-least+1))
	body := m.bytes("payload", size-keySize-signatureSize)
	binary.BigEndian.PutUint64(body, m.made)
	sender := m.senders[m.made%uint64(len(m.senders))]
	signature, err := sender.Sign(body)
	if err != nil {
		panic(err)
	}
	m.made++
	tx := make([]byte, 0, size)
	tx = append(tx, sender.PubKey().Bytes()...)
	tx = append(tx, signature...)
	return append(tx, body...)
}

// bytes gives the bytes that belong to a purpose of the transaction being made.
func (m *maker) bytes(purpose string, count int) []byte {
	var out []byte
	for block := 0; len(out) < count; block++ {
		next := sha256.Sum256([]byte(fmt.Sprintf("%s %s %d %d", m.seed, purpose, m.made, block)))
		out = append(out, next[:]...)
	}
	return out[:count]
}
