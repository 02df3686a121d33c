package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	dbm "github.com/cometbft/cometbft-db"
	abci "github.com/cometbft/cometbft/abci/types"
)

const codeNotSigned = 1

var (
	stateKey     = []byte("state")
	recordPrefix = []byte("r")
)

// application keeps every transaction as a record: its SHA-256 -> its payload.
//
// A signature is checked once in a process: CheckTx remembers what it found good, and
// FinalizeBlock checks only what it does not know. Nothing is written before Commit. The app hash
// runs over all records in order: SHA-256(app hash ‖ key ‖ payload).
type application struct {
	abci.BaseApplication
	db       dbm.DB
	syncEach bool
	good     *remembered
	height   int64
	appHash  []byte
	next     *decided
}

// decided is what FinalizeBlock found and Commit makes durable.
type decided struct {
	height  int64
	appHash []byte
	keys    []hash
	values  [][]byte
}

func open(folder string, syncEach bool) (*application, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	db, err := dbm.NewGoLevelDB("baseline", folder)
	if err != nil {
		return nil, err
	}
	app := &application{db: db, syncEach: syncEach, good: newRemembered(100_000)}
	state, err := db.Get(stateKey)
	if err != nil {
		return nil, err
	}
	if state != nil {
		if len(state) < 8 {
			return nil, errors.New("the database holds no state that can be read")
		}
		app.height = int64(binary.BigEndian.Uint64(state))
		app.appHash = state[8:]
	}
	return app, nil
}

func (a *application) Close() error { return a.db.Close() }

func (a *application) Info(context.Context, *abci.RequestInfo) (*abci.ResponseInfo, error) {
	return &abci.ResponseInfo{LastBlockHeight: a.height, LastBlockAppHash: a.appHash}, nil
}

func (a *application) CheckTx(_ context.Context, asked *abci.RequestCheckTx) (*abci.ResponseCheckTx, error) {
	// A second check of what waits in the mempool finds the same: a signature stays good.
	if asked.Type == abci.CheckTxType_Recheck {
		return &abci.ResponseCheckTx{}, nil
	}
	if !signed(asked.Tx) {
		return &abci.ResponseCheckTx{Code: codeNotSigned}, nil
	}
	a.good.add(sha256.Sum256(asked.Tx))
	return &abci.ResponseCheckTx{GasWanted: 1}, nil
}

func (a *application) FinalizeBlock(_ context.Context, block *abci.RequestFinalizeBlock) (*abci.ResponseFinalizeBlock, error) {
	next := &decided{height: block.Height, appHash: a.appHash}
	results := make([]*abci.ExecTxResult, len(block.Txs))
	for n, tx := range block.Txs {
		key := sha256.Sum256(tx)
		if !a.good.take(key) && !signed(tx) {
			results[n] = &abci.ExecTxResult{Code: codeNotSigned}
			continue
		}
		results[n] = &abci.ExecTxResult{GasUsed: 1}
		next.add(key, payload(tx))
	}
	a.next = next
	return &abci.ResponseFinalizeBlock{TxResults: results, AppHash: next.appHash}, nil
}

func (d *decided) add(key hash, value []byte) {
	d.keys = append(d.keys, key)
	d.values = append(d.values, value)
	sum := sha256.New()
	sum.Write(d.appHash)
	sum.Write(key[:])
	sum.Write(value)
	d.appHash = sum.Sum(nil)
}

// Commit returns when every record, and after them the height, is on the disk. A crash between
// records is harmless: the height is still the old one, so the block comes again with the same
// records.
func (a *application) Commit(context.Context, *abci.RequestCommit) (*abci.ResponseCommit, error) {
	if a.next == nil {
		return nil, errors.New("Commit without FinalizeBlock")
	}
	state := binary.BigEndian.AppendUint64(nil, uint64(a.next.height))
	state = append(state, a.next.appHash...)
	write := a.writeBlock
	if a.syncEach {
		write = a.writeEach
	}
	if err := write(a.next, state); err != nil {
		return nil, fmt.Errorf("block %d could not be written: %w", a.next.height, err)
	}
	a.height, a.appHash, a.next = a.next.height, a.next.appHash, nil
	return &abci.ResponseCommit{}, nil
}

func record(key hash) []byte { return append(append([]byte(nil), recordPrefix...), key[:]...) }

func (a *application) writeEach(block *decided, state []byte) error {
	for n, key := range block.keys {
		if err := a.db.SetSync(record(key), block.values[n]); err != nil {
			return err
		}
	}
	return a.db.SetSync(stateKey, state)
}

func (a *application) writeBlock(block *decided, state []byte) error {
	batch := a.db.NewBatch()
	defer batch.Close()
	for n, key := range block.keys {
		if err := batch.Set(record(key), block.values[n]); err != nil {
			return err
		}
	}
	if err := batch.Set(stateKey, state); err != nil {
		return err
	}
	return batch.WriteSync()
}

// Query gives the payload of a transaction, by its SHA-256.
func (a *application) Query(_ context.Context, asked *abci.RequestQuery) (*abci.ResponseQuery, error) {
	if len(asked.Data) != sha256.Size {
		return &abci.ResponseQuery{Code: codeNotSigned, Log: "a query is a SHA-256"}, nil
	}
	value, err := a.db.Get(record(hash(asked.Data)))
	if err != nil {
		return nil, err
	}
	return &abci.ResponseQuery{Key: asked.Data, Value: value, Height: a.height}, nil
}

// remembered is a set of hashes that forgets the oldest half when it is full: what was checked and
// never decided must not fill the memory.
type remembered struct {
	half       int
	young, old map[hash]struct{}
}

func newRemembered(most int) *remembered {
	return &remembered{half: most / 2, young: map[hash]struct{}{}, old: map[hash]struct{}{}}
}

func (r *remembered) add(key hash) {
	if len(r.young) >= r.half {
		r.young, r.old = map[hash]struct{}{}, r.young
	}
	r.young[key] = struct{}{}
}

// take says whether the hash is there, and forgets it.
func (r *remembered) take(key hash) bool {
	_, young := r.young[key]
	_, old := r.old[key]
	delete(r.young, key)
	delete(r.old, key)
	return young || old
}
