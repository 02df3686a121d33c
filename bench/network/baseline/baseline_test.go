package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"testing"

	abci "github.com/cometbft/cometbft/abci/types"
)

var ctx = context.Background()

func opened(t *testing.T, folder string, syncEach bool) *application {
	t.Helper()
	app, err := open(folder, syncEach)
	if err != nil {
		t.Fatal(err)
	}
	return app
}

func transactions(count int) [][]byte {
	maker := newMaker("test", 3)
	var made [][]byte
	for n := 0; n < count; n++ {
		made = append(made, maker.next(460, 600))
	}
	return made
}

func finalize(t *testing.T, app *application, height int64, txs [][]byte) *abci.ResponseFinalizeBlock {
	t.Helper()
	answer, err := app.FinalizeBlock(ctx, &abci.RequestFinalizeBlock{Height: height, Txs: txs})
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func commit(t *testing.T, app *application) {
	t.Helper()
	if _, err := app.Commit(ctx, &abci.RequestCommit{}); err != nil {
		t.Fatal(err)
	}
}

func TestTheSameSeedMakesTheSameDifferentTransactions(t *testing.T) {
	first, second := transactions(200), transactions(200)
	seen := map[string]bool{}
	for n, tx := range first {
		if !bytes.Equal(tx, second[n]) || seen[string(tx)] {
			t.Fatalf("transaction %d", n)
		}
		if len(tx) < 460 || len(tx) > 600 || !signed(tx) {
			t.Fatalf("transaction %d has %d bytes", n, len(tx))
		}
		seen[string(tx)] = true
	}
}

func TestWhatIsNotSignedIsRefusedTwice(t *testing.T) {
	app := opened(t, t.TempDir(), true)
	defer app.Close()
	good := transactions(1)[0]
	for at := 0; at < len(good); at += 13 {
		bad := bytes.Clone(good)
		bad[at] ^= 1
		for _, tx := range [][]byte{bad, good[:at]} {
			checked, _ := app.CheckTx(ctx, &abci.RequestCheckTx{Tx: tx})
			if checked.Code != codeNotSigned {
				t.Fatalf("byte %d: CheckTx took it", at)
			}
			if finalize(t, app, 1, [][]byte{tx}).TxResults[0].Code != codeNotSigned {
				t.Fatalf("byte %d: FinalizeBlock took it", at)
			}
		}
	}
}

func TestASignatureFoundGoodIsNotCheckedAgainAndTheHashDoesNotTell(t *testing.T) {
	known, unknown := opened(t, t.TempDir(), true), opened(t, t.TempDir(), false)
	defer known.Close()
	defer unknown.Close()
	txs := transactions(20)
	for _, tx := range txs {
		checked, _ := known.CheckTx(ctx, &abci.RequestCheckTx{Tx: tx})
		if checked.Code != abci.CodeTypeOK {
			t.Fatal(checked.Code)
		}
	}
	if len(known.good.young) != len(txs) {
		t.Fatal("CheckTx forgot")
	}
	first, second := finalize(t, known, 1, txs), finalize(t, unknown, 1, txs)
	if !bytes.Equal(first.AppHash, second.AppHash) || len(known.good.young) != 0 {
		t.Fatal("what is remembered changes the outcome, or stays")
	}
	// The same block again, as after another round: now every signature is checked.
	if !bytes.Equal(finalize(t, known, 1, txs).AppHash, second.AppHash) {
		t.Fatal("FinalizeBlock is not repeatable")
	}
}

func TestAllIsDurableAfterCommitAndNothingBefore(t *testing.T) {
	for _, syncEach := range []bool{true, false} {
		folder := t.TempDir()
		app := opened(t, folder, syncEach)
		txs := transactions(10)
		answer := finalize(t, app, 1, txs[:5])
		commit(t, app)
		finalize(t, app, 2, txs[5:])
		if err := app.Close(); err != nil {
			t.Fatal(err)
		}
		app = opened(t, folder, syncEach)
		info, _ := app.Info(ctx, &abci.RequestInfo{})
		if info.LastBlockHeight != 1 || !bytes.Equal(info.LastBlockAppHash, answer.AppHash) {
			t.Fatalf("height %d", info.LastBlockHeight)
		}
		for n, tx := range txs {
			key := sha256.Sum256(tx)
			found, _ := app.Query(ctx, &abci.RequestQuery{Data: key[:]})
			if bytes.Equal(found.Value, payload(tx)) != (n < 5) {
				t.Fatalf("transaction %d", n)
			}
		}
		if err := app.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAnEmptyBlockLeavesTheHashAndCommitNeedsABlock(t *testing.T) {
	app := opened(t, t.TempDir(), true)
	defer app.Close()
	if _, err := app.Commit(ctx, &abci.RequestCommit{}); err == nil {
		t.Fatal("Commit without FinalizeBlock")
	}
	before := finalize(t, app, 1, transactions(1)).AppHash
	commit(t, app)
	if !bytes.Equal(finalize(t, app, 2, nil).AppHash, before) {
		t.Fatal("an empty block changed the hash")
	}
}

func TestWhatIsRememberedIsBounded(t *testing.T) {
	set := newRemembered(10)
	for n := 0; n < 1000; n++ {
		set.add(sha256.Sum256([]byte{byte(n), byte(n >> 8)}))
		if len(set.young)+len(set.old) > 10 {
			t.Fatal("too many")
		}
	}
	if !set.take(sha256.Sum256([]byte{byte(999 & 0xff), 999 >> 8})) {
		t.Fatal("the newest is forgotten")
	}
}
